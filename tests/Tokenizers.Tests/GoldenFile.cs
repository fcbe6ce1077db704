using System.IO.Compression;
using System.Security.Cryptography;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace LlmService.Tokenizers.Tests;

/// <summary>Reads a family's reference vectors and compares them with what our tokenizer gives.</summary>
internal static class GoldenFile
{
    private static readonly JsonSerializerOptions Compact = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static Tokenizer LoadTokenizer(string family)
    {
        string folder = TestData.Shared("tokenizers", family);
        string plain = Path.Combine(folder, "tokenizer.json");
        return File.Exists(plain) ? Tokenizer.Load(folder) : Tokenizer.Parse(Unzip(plain + ".gz"), plain + ".gz");
    }

    /// <summary>The bytes of a family's <c>tokenizer.json</c>.</summary>
    public static byte[] ReadTokenizer(string family)
    {
        string plain = Path.Combine(TestData.Shared("tokenizers", family), "tokenizer.json");
        return File.Exists(plain) ? File.ReadAllBytes(plain) : Unzip(plain + ".gz");
    }

    public static IEnumerable<JsonElement> Lines(string family) => ReadLines(TestData.Shared("tokenizers", family, "golden.jsonl.gz"));

    /// <summary>The lines of a compressed JSON Lines file.</summary>
    public static IEnumerable<JsonElement> ReadLines(string path)
    {
        using StreamReader reader = new(new MemoryStream(Unzip(path)));
        while (reader.ReadLine() is string line) yield return JsonDocument.Parse(line).RootElement;
    }

    /// <summary>What differs, one entry a field.</summary>
    public static IEnumerable<string> Differences(Tokenizer tokenizer, JsonElement line)
    {
        string text = line.GetProperty("text").GetString()!;
        Encoding encoding = tokenizer.Encode(text, SpecialTokens.Include);
        int[] ids = [.. line.GetProperty("ids").EnumerateArray().Select(e => e.GetInt32())];
        int[] plain = [.. tokenizer.Encode(text, SpecialTokens.Skip).Ids];
        string skipped = tokenizer.Decode(ids, SpecialTokens.Skip);
        Dictionary<string, string> actual = new()
        {
            ["ids"] = Json(encoding.Ids),
            ["tokens"] = Json(encoding.Tokens),
            ["offsets"] = Offsets(encoding, text),
            ["special_tokens_mask"] = Bits(encoding.SpecialTokensMask),
            ["type_ids"] = Json(encoding.TypeIds),
            ["ids_nospecial"] = Json(plain),
            ["decode"] = tokenizer.Decode(ids, SpecialTokens.Include),
            ["decode_skip"] = skipped,
            ["decode_nospecial"] = tokenizer.Decode(plain, SpecialTokens.Skip),
        };
        foreach ((string field, string value) in actual)
            if (Compare(line, field, value, ids.Length, skipped) is string difference) yield return $"{line.GetProperty("id").GetString()} {field}: {difference}";
    }

    public static string Json(object value) => JsonSerializer.Serialize(value, Compact);

    /// <summary>A mask as the reference writes it.</summary>
    public static string Bits(IEnumerable<bool> mask) => Json(mask.Select(m => m ? 1 : 0));

    /// <summary>Numbers of which -1 is written as null.</summary>
    public static string Numbers(IEnumerable<int> numbers) => Json(numbers.Select(n => n < 0 ? (int?)null : n));

    public static string Offsets(Encoding encoding, string text, string? pair = null) =>
        Json(encoding.CodePointOffsets(text, pair).Select(o => new[] { o.Start, o.End }));

    private static string? Compare(JsonElement line, string field, string actual, int count, string skipped)
    {
        if (line.TryGetProperty(field + "_sha256", out JsonElement hash))
        {
            string actualHash = Convert.ToHexStringLower(SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(actual)));
            return actualHash == hash.GetString() ? null : $"hash {actualHash}, expected {hash.GetString()}";
        }

        string? expected = line.TryGetProperty(field, out JsonElement value) ? value.ValueKind == JsonValueKind.String ? value.GetString() : Json(value)
            : field switch
            {
                "special_tokens_mask" or "type_ids" => Json(new int[count]),
                "decode_nospecial" => skipped,
                _ => throw new InvalidDataException($"no {field}"),
            };
        return actual == expected ? null : $"{Shorten(actual)}, expected {Shorten(expected!)}";
    }

    private static string Shorten(string text) => text.Length > 200 ? text[..200] + "…" : text;

    private static byte[] Unzip(string path)
    {
        using GZipStream zip = new(File.OpenRead(path), CompressionMode.Decompress);
        using MemoryStream memory = new();
        zip.CopyTo(memory);
        return memory.ToArray();
    }
}
