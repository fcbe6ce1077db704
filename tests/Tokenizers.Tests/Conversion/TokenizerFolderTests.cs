using System.Text.Json.Nodes;

namespace LlmService.Tokenizers.Tests.Conversion;

/// <summary>Folders without <c>tokenizer.json</c>, made of what families of the reference vectors hold, must give what those families give.</summary>
public sealed class TokenizerFolderTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("tokenizer-folder-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("bert-base-uncased", """{"tokenizer_class":"BertTokenizer"}""")]
    [InlineData("bert-base-uncased", """{"tokenizer_class":"DistilBertTokenizerFast","do_lower_case":true,"cls_token":"[CLS]"}""")]
    [InlineData("bert-base-multilingual-cased", """{"tokenizer_class":"BertTokenizer","do_lower_case":false}""")]
    [InlineData("bert-base-chinese", """{"tokenizer_class":"BertTokenizer","do_lower_case":false}""")]
    public void Load_VocabTxt_EqualsReference(string family, string configuration)
    {
        JsonNode json = JsonNode.Parse(GoldenFile.ReadTokenizer(family))!;
        WriteLines("vocab.txt", json["model"]!["vocab"]!.AsObject().OrderBy(token => token.Value!.GetValue<int>()).Select(token => token.Key));
        Write("tokenizer_config.json", configuration);
        AssertEqualsReference(family);
    }

    [Theory]
    [InlineData("gpt-2", """{"tokenizer_class":"GPT2Tokenizer"}""")]
    [InlineData("roberta-base", """{"tokenizer_class":"RobertaTokenizer"}""")]
    [InlineData("bart", """{"tokenizer_class":"BartTokenizerFast"}""")]
    [InlineData("phi-2", null)]
    [InlineData("qwen2.5", null)]
    [InlineData("whisper-tiny", """{"tokenizer_class":"WhisperTokenizer"}""")]
    public void Load_VocabAndMerges_EqualsReference(string family, string? configuration)
    {
        JsonNode json = JsonNode.Parse(GoldenFile.ReadTokenizer(family))!;
        Write("vocab.json", json["model"]!["vocab"]!.ToJsonString());
        WriteLines("merges.txt", json["model"]!["merges"]!.AsArray().Select(Merge).Prepend("#version: 0.2"));
        Write("tokenizer_config.json", configuration ?? File.ReadAllText(TestData.Shared("tokenizers", family, "tokenizer_config.json")));
        string[] own = [.. json["model"]!["vocab"]!.AsObject().Select(token => token.Key)];
        IEnumerable<JsonNode> added = json["added_tokens"]!.AsArray().OfType<JsonNode>().Where(token => !own.Contains(token["content"]!.GetValue<string>()));
        if (family == "whisper-tiny") Write("added_tokens.json", new JsonObject(added.Select(t => KeyValuePair.Create(t["content"]!.GetValue<string>(), (JsonNode?)t["id"]!.GetValue<int>()))).ToJsonString());
        if (family == "whisper-tiny") Write("special_tokens_map.json", new JsonObject { ["additional_special_tokens"] = new JsonArray([.. json["added_tokens"]!.AsArray().Where(t => t!["special"]!.GetValue<bool>()).Select(t => (JsonNode?)t!["content"]!.GetValue<string>())]) }.ToJsonString());
        AssertEqualsReference(family);
    }

    [Theory]
    [InlineData("llama-2", """{"tokenizer_class":"LlamaTokenizer"}""", "<PAD>")]
    [InlineData("tinyllama", """{"tokenizer_class":"LlamaTokenizer","legacy":true}""", "")]
    public void Load_SentencePieceBpe_EqualsReference(string family, string configuration, string more)
    {
        JsonNode json = JsonNode.Parse(GoldenFile.ReadTokenizer(family))!;
        string[] tokens = [.. json["model"]!["vocab"]!.AsObject().OrderBy(token => token.Value!.GetValue<int>()).Select(token => token.Key)];
        Write("tokenizer.model", SentencePieceFile.Write(tokens.Select((token, id) => (token, Score(token, id), Kind(token, id))), isBpe: true, 0, []));
        Write("tokenizer_config.json", configuration);
        if (more.Length > 0) Write("added_tokens.json", $$"""{"{{more}}":{{tokens.Length}}}""");
        if (more.Length > 0) Write("special_tokens_map.json", $$"""{"pad_token":"{{more}}"}""");
        AssertEqualsReference(family);

        // Runs of spaces come last in that model.
        static double Score(string token, int id) => id < 259 ? 0 : token.Length > 1 && token.All(c => c == '▁') ? -1e9 : 259 - id;
        static int Kind(string token, int id) => id == 0 ? 2 : id < 3 ? 3 : id < 259 && token.StartsWith("<0x", StringComparison.Ordinal) ? 6 : 1;
    }

    [Theory]
    [InlineData("flan-t5", """{"tokenizer_class":"T5Tokenizer"}""", 0, 100)]
    [InlineData("albert", """{"tokenizer_class":"AlbertTokenizer"}""", 0, 0)]
    [InlineData("xlm-r-stub", """{"tokenizer_class":"XLMRobertaTokenizerFast"}""", 4, 1)]
    public void Load_SentencePieceUnigram_EqualsReference(string family, string configuration, int before, int after)
    {
        JsonNode json = JsonNode.Parse(GoldenFile.ReadTokenizer(family))!;
        (string Text, double Score)[] pieces = [.. json["model"]!["vocab"]!.AsArray().Select(p => (p![0]!.GetValue<string>(), p[1]!.GetValue<double>()))];
        HashSet<string> special = [.. json["added_tokens"]!.AsArray().Select(t => t!["content"]!.GetValue<string>())];
        IEnumerable<(string, double, int)> own = pieces[before..^after].Select((p, id) => (p.Text, p.Score, special.Contains(p.Text) ? p.Text == "<unk>" ? 2 : 3 : 1));
        // The classes that begin with pieces of their own take three others away.
        if (before > 0) own = own.Prepend(("</s>", 0, 3)).Prepend(("<s>", 0, 3)).Prepend(("<unk>", 0, 2));
        int unknown = before > 0 ? 0 : Array.FindIndex(pieces, p => p.Text == "<unk>");
        Write("spiece.model", SentencePieceFile.Write(own, isBpe: false, unknown, CharacterMap(json)));
        Write("tokenizer_config.json", configuration);
        AssertEqualsReference(family, fields: "ids tokens ids_nospecial decode decode_skip");
    }

    [Theory]
    [InlineData("""{"tokenizer_class":"MagicTokenizer"}""", "MagicTokenizer")]
    [InlineData("{}", "does not tell")]
    public void Load_UnknownClass_SaysWhichAreKnown(string configuration, string expected)
    {
        Write("vocab.txt", "[UNK]\n");
        Write("tokenizer_config.json", configuration);
        TokenizerException error = Assert.Throws<TokenizerException>(() => Tokenizer.Load(_folder));
        Assert.Equal((TokenizerFailure.Unsupported, "$.tokenizer_class"), (error.Failure, error.JsonPath));
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        Assert.Contains("BertTokenizer", error.Message, StringComparison.Ordinal);
    }

    /// <summary>A repository that names no class is read as its kind of model is.</summary>
    [Fact]
    public void Load_NoClass_IsReadAsTheModelIs()
    {
        Write("vocab.txt", "[UNK]\n[CLS]\n[SEP]\nhello\nwor\n##ld\n");
        Write("config.json", """{"model_type":"bert"}""");
        Assert.Equal("[CLS] hello wor ##ld [SEP]", Tokenizer.Load(_folder).Tokens("Hello world", SpecialTokens.Include));
    }

    [Theory]
    [InlineData("a b c\n", "merges.txt, line 2: must be two tokens")]
    [InlineData("a z\n", "merges.txt, line 2: names a token that vocab.json lacks")]
    public void Load_BadMerges_NamesTheLine(string line, string expected)
    {
        Write("vocab.json", """{"a":0,"b":1,"ab":2,"<|endoftext|>":3}""");
        Write("merges.txt", "#version: 0.2\n" + line);
        Write("tokenizer_config.json", """{"tokenizer_class":"GPT2Tokenizer"}""");
        Assert.Contains(expected, Assert.Throws<TokenizerException>(() => Tokenizer.Load(_folder)).Message, StringComparison.Ordinal);
    }

    /// <summary>Damaged models give our exception and no other.</summary>
    [Fact]
    public void Load_MutatedSentencePieceModel_OnlyTokenizerException()
    {
        byte[] original = SentencePieceFile.Write(
            [("<unk>", 0, 2), ("<s>", 0, 3), ("</s>", 0, 3), ("<0x41>", 0, 6), ("▁", -1, 1), ("a", -2, 1), ("▁a", -3, 1), ("b", -4, 1), ("ab", -5, 1)], isBpe: true, 0, []);
        Write("tokenizer_config.json", """{"tokenizer_class":"LlamaTokenizer"}""");
        Random random = new(17);
        int loaded = 0;
        for (int round = 0; round < 3000; round++)
        {
            byte[] damaged = [.. original];
            for (int i = 0; i <= round % 3; i++) damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
            Write("tokenizer.model", damaged[..(round % 5 == 0 ? random.Next(damaged.Length) : damaged.Length)]);
            try
            {
                Tokenizer tokenizer = Tokenizer.Load(_folder);
                tokenizer.Decode([.. tokenizer.Encode("ab a A é").Ids]);
                loaded++;
            }
            catch (TokenizerException)
            {
                // Damage that is noticed.
            }
        }

        Assert.InRange(loaded, 100, 2900);
    }

    // Long rows of hyphens have cuts that are equally good but for the last bit, and the file's decimals differ from the model's floats in just that.
    private static bool IsPlain(string text) =>
        text.Length > 0 && text.Trim() == text && !text.Contains("  ", StringComparison.Ordinal)
        && text.All(c => char.IsLetterOrDigit(c) || " .,;:!?'\"()".Contains(c, StringComparison.Ordinal));

    private static string Merge(JsonNode? merge) => merge is JsonArray pair ? $"{pair[0]} {pair[1]}" : merge!.GetValue<string>();

    private static byte[] CharacterMap(JsonNode json)
    {
        string? Find(JsonNode? node) => node switch
        {
            JsonObject members => members["precompiled_charsmap"]?.GetValue<string>() ?? members.Select(m => Find(m.Value)).FirstOrDefault(found => found is not null),
            JsonArray items => items.Select(Find).FirstOrDefault(found => found is not null),
            _ => null,
        };
        return Find(json["normalizer"]) is string map ? Convert.FromBase64String(map) : [];
    }

    private void Write(string name, string content) => File.WriteAllText(Path.Combine(_folder, name), content);

    private void Write(string name, byte[] content) => File.WriteAllBytes(Path.Combine(_folder, name), content);

    private void WriteLines(string name, IEnumerable<string> lines) => Write(name, string.Concat(lines.Select(line => line + "\n")));

    /// <param name="fields">The fields to compare on plain texts; null for all fields and all texts. The families with a unigram model were saved by
    /// earlier converters, which handle white space in other ways.</param>
    private void AssertEqualsReference(string family, string? fields = null)
    {
        Tokenizer tokenizer = Tokenizer.Load(_folder);
        string[] differences = [.. GoldenFile.Lines(family)
            .Where(line => fields is null || IsPlain(line.GetProperty("text").GetString()!))
            .SelectMany(line => GoldenFile.Differences(tokenizer, line))
            .Where(difference => fields is null || fields.Split(' ').Contains(difference.Split(' ')[1].TrimEnd(':')))];
        Assert.True(differences.Length == 0, $"{differences.Length} differences:\n{string.Join('\n', differences.Take(12))}");
    }
}
