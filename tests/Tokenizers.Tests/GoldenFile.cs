using System.IO.Compression;
using System.Security.Cryptography;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace LlmService.Tokenizers.Tests;

/// <summary>Reads a family's reference vectors and compares them with what our tokenizer gives.</summary>
internal static class GoldenFile
{
    public static Tokenizer LoadTokenizer(string family)
    {
        string folder = TestData.Shared("tokenizers", family);
        string plain = Path.Combine(folder, "tokenizer.json");
        return File.Exists(plain) ? Tokenizer.Load(folder) : Tokenizer.Parse(Unzip(plain + ".gz"), plain + ".gz");
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
            ["offsets"] = Json(CodePointOffsets(text, encoding.Offsets)),
            ["special_tokens_mask"] = Json(encoding.SpecialTokensMask.Select(m => m ? 1 : 0)),
            ["type_ids"] = Json(encoding.TypeIds),
            ["ids_nospecial"] = Json(plain),
            ["decode"] = tokenizer.Decode(ids, SpecialTokens.Include),
            ["decode_skip"] = skipped,
            ["decode_nospecial"] = tokenizer.Decode(plain, SpecialTokens.Skip),
        };
        foreach ((string field, string value) in actual)
            if (Compare(line, field, value, ids.Length, skipped) is string difference) yield return $"{line.GetProperty("id").GetString()} {field}: {difference}";
    }

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

    private static readonly JsonSerializerOptions Compact = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static string Json(object value) => JsonSerializer.Serialize(value, Compact);

    private static string Shorten(string text) => text.Length > 200 ? text[..200] + "…" : text;

    public static IEnumerable<int[]> CodePointOffsets(string text, IReadOnlyList<TextRange> offsets)
    {
        int[] before = new int[text.Length + 1];
        int codePoints = 0;
        for (int i = 0; i < text.Length; i++)
        {
            before[i] = codePoints;
            if (!(char.IsHighSurrogate(text[i]) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]))) codePoints++;
        }

        before[text.Length] = codePoints;
        return offsets.Select(o => new[] { before[o.Start], before[o.End] });
    }

    private static byte[] Unzip(string path)
    {
        using GZipStream zip = new(File.OpenRead(path), CompressionMode.Decompress);
        using MemoryStream memory = new();
        zip.CopyTo(memory);
        return memory.ToArray();
    }
}
