using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using LlmService.Tokenizers;
using LlmService.Tokenizers.Conversion;
using LlmService.Tokenizers.Tests.Conversion;

namespace LlmService.Benchmarks;

/// <summary>Damages real tokenizer files, loads them and uses what loads. Anything but our own exception, or a file that takes long, is a finding.</summary>
/// <remarks><c>dotnet run -c Release --project bench/Benchmarks -- tokenizer-fuzz json|model FAMILIES [COUNT] [SEED] [FIRST]</c>: files of the one format or the other. Vocabularies are
/// cut down first, so that most damage hits what decides and not one of a hundred thousand tokens. Each mutation depends on the seed and its number only: COUNT 1 and its number as
/// FIRST run it again.</remarks>
internal sealed class TokenizerFuzz(int seed)
{
    private const int MostTokens = 400;

    private static readonly string[] Values =
        ["null", "true", "-1", "0", "1", "3", "2147483647", "1e308", "-1e-308", "99999999999", "\"\"", "\"▁\"", "\" \"", "\"(a+)+$\"", "\"[\"", "\"\\\\p{L}\"", "[]", "[0]", "[\"a\",\"b\"]", "{}", "{\"a\":0}", "{\"type\":\"Sequence\"}"];

    private static readonly string[] Texts = ["", " ", "Ａ hé 😀 <extra_id_0> aT [MASK]  ab12 x\r\n日本語 IT'ſO", new string('a', 2000), "e\u0301\u0301\u200D👍🏽"];

    private readonly SlowMutations _slow = new();
    private Random _random = new(seed);

    public static int Run(string[] args)
    {
        if (args.Length < 2 || args[0] is not ("json" or "model"))
        {
            Console.Error.WriteLine("tokenizer-fuzz json|model FAMILIES [COUNT] [SEED] [FIRST]");
            return 2;
        }

        int Number(int index, int absent) => args.Length > index ? int.Parse(args[index], CultureInfo.InvariantCulture) : absent;
        return new TokenizerFuzz(Number(3, 1)).Run(args[0] == "model", args[1], Number(2, 200_000), Number(4, 0));
    }

    private int Run(bool models, string families, int count, int first)
    {
        string[] files = models ? [] : [.. Directory.GetDirectories(families).Order(StringComparer.Ordinal).Select(ReadSmall).OfType<JsonNode>().Select(node => node.ToJsonString())];
        byte[][] realModels = models ? [.. Directory.GetFiles(families, "*.model", SearchOption.AllDirectories).Order(StringComparer.Ordinal).Select(ReadSmallModel)] : [];
        string folder = Directory.CreateTempSubdirectory("tokenizer-fuzz-").FullName;
        int loaded = 0, findings = 0;
        for (int i = first; i < first + count; i++)
        {
            _random = new Random(unchecked(seed * 1_000_003 + i));
            bool isBpe = _random.Next(2) == 0;
            byte[] damaged = models ? DamageModel(realModels, isBpe) : Damage(files[i % files.Length]);
            if (count == 1) Console.WriteLine(System.Text.Encoding.UTF8.GetString(damaged));
            _slow.Measure(i, $"{damaged.Length} bytes", () =>
            {
                try
                {
                    Use(models ? LoadModel(folder, damaged, isBpe) : Tokenizer.Parse(damaged, "tokenizer.json"));
                    loaded++;
                }
                catch (TokenizerException)
                {
                    // The damage was noticed.
                }
                catch (Exception e)
                {
                    findings++;
                    Console.WriteLine($"{i}: {e}");
                }
            });
        }

        Directory.Delete(folder, recursive: true);
        _slow.Report();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{count} mutations of {(models ? "tokenizer.model" : "tokenizer.json")} with the seed {seed}: {loaded} still load, {findings} findings, {GC.GetTotalMemory(true) / 1e6:0} MB held, {Process.GetCurrentProcess().PeakWorkingSet64 >> 20} MB peak"));
        return findings == 0 ? 0 : 1;
    }

    private static void Use(Tokenizer tokenizer)
    {
        foreach (string text in Texts)
        {
            Encoding encoding = tokenizer.Encode(text, "pair", SpecialTokens.Include);
            if (encoding.Offsets.Any(range => range.Start < 0 || range.Start > range.End || range.End > Math.Max(text.Length, 4))) throw new InvalidOperationException("An offset lies outside of the text.");
            _ = encoding.Tokens.Count + encoding.CodePointOffsets(text, "pair").Count;
            tokenizer.Decode(encoding.IdSpan);
        }
    }

    private byte[] Damage(string json)
    {
        if (_random.Next(2) == 0)
        {
            byte[] bytes = System.Text.Encoding.UTF8.GetBytes(json);
            for (int i = _random.Next(1, 4); i > 0; i--) bytes[_random.Next(bytes.Length)] = (byte)_random.Next(32, 127);
            return bytes;
        }

        JsonNode root = JsonNode.Parse(json)!;
        for (int i = _random.Next(1, 3); i > 0; i--) Replace(root);
        return System.Text.Encoding.UTF8.GetBytes(root.ToJsonString());
    }

    private void Replace(JsonNode root)
    {
        // Down from the root, so that small parts are hit as often as large ones.
        JsonNode node = root;
        while (true)
        {
            JsonNode[] children = [.. (node is JsonObject members ? members.Select(m => m.Value) : node is JsonArray items ? items : []).OfType<JsonNode>()];
            if (children.Length == 0 || (node != root && _random.Next(3) == 0)) break;
            node = children[_random.Next(children.Length)];
        }

        if (node == root) return;
        if (_random.Next(4) > 0) node.ReplaceWith(JsonNode.Parse(Values[_random.Next(Values.Length)]));
        else if (node.Parent is JsonObject parent) parent.Remove(node.GetPropertyName());
        else ((JsonArray)node.Parent!).RemoveAt(node.GetElementIndex());
    }

    private byte[] DamageModel(byte[][] real, bool isBpe)
    {
        byte[] model = real.Length > 0 && _random.Next(2) == 0 ? [.. real[_random.Next(real.Length)]] : SentencePieceFile.Write(
            [("<unk>", 0, 2), ("<s>", 0, 3), ("</s>", 0, 3), ("<0x41>", 0, 6), ("▁", -1, 1), ("a", -2, 1), ("▁a", -3, 1), ("b", -4, 1), ("ab", -5, 1), ("日", -6, 4)], isBpe, 0, [8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 97, 0]);
        for (int i = _random.Next(1, 4); i > 0; i--) model[_random.Next(model.Length)] = (byte)_random.Next(256);
        return model[..(_random.Next(5) == 0 ? _random.Next(model.Length) : model.Length)];
    }

    private static Tokenizer LoadModel(string folder, byte[] model, bool isBpe)
    {
        File.WriteAllBytes(Path.Combine(folder, "tokenizer.model"), model);
        File.WriteAllText(Path.Combine(folder, "tokenizer_config.json"), $$"""{"tokenizer_class":"{{(isBpe ? "LlamaTokenizer" : "T5Tokenizer")}}"}""");
        return Tokenizer.Load(folder);
    }

    private static byte[] ReadSmallModel(string path)
    {
        SentencePieceModel model = SentencePieceModel.Load(path);
        return SentencePieceFile.Write(model.Pieces.Take(MostTokens).Select(piece => (piece.Text, piece.Score, (int)piece.Kind)), model.IsBpe, model.UnknownId, model.CharacterMap);
    }

    private static JsonNode? ReadSmall(string folder)
    {
        if (FamilyFile.Read(folder) is not byte[] json) return null;
        JsonNode root = JsonNode.Parse(json)!;
        JsonNode model = root["model"]!;
        if (model["vocab"] is JsonArray pieces)
        {
            while (pieces.Count > MostTokens) pieces.RemoveAt(pieces.Count - 1);
            return root;
        }

        KeyValuePair<string, JsonNode?>[] kept = [.. model["vocab"]!.AsObject().OrderBy(t => t.Value!.GetValue<int>()).Take(MostTokens)];
        HashSet<string> names = [.. kept.Select(t => t.Key)];
        model["vocab"] = new JsonObject(kept.Select(t => KeyValuePair.Create(t.Key, t.Value!.DeepClone())!)!);
        if (model["merges"] is JsonArray merges)
            model["merges"] = new JsonArray([.. merges.Where(m => Parts(m!) is [string left, string right] && names.Contains(left) && names.Contains(right) && names.Contains(left + right)).Select(m => m!.DeepClone())]);
        return root;
    }

    private static string[] Parts(JsonNode merge) => merge is JsonArray pair ? [pair[0]!.GetValue<string>(), pair[1]!.GetValue<string>()] : merge.GetValue<string>().Split(' ');
}
