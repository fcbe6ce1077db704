using System.IO.Compression;
using System.Text.Json;
using LlmService.Inference.Weights.Gguf;
using LlmService.Tokenizers;
using LlmService.Tokenizers.Chat;

namespace LlmService.Inference.Tests.Weights.Gguf;

/// <summary>Tokenizers inside GGUF files, against what the reference makes of the tokenizer.json that they were converted from.</summary>
public sealed class GgufTokenizerTests : IDisposable
{
    private const int Normal = 1, Unknown = 2, Control = 3, UserDefined = 4, ByteToken = 6;

    // A few cases keep one text longer than this; the rest is what users write.
    private const int LongestText = 2_000;

    private readonly CheckpointFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("llama-3", "llama-bpe")]
    [InlineData("qwen2.5", "qwen2")]
    [InlineData("gpt-2", "gpt-2")]
    [InlineData("smollm", "smollm")]
    public void Encode_ByteLevelVocabulary_SameIdsAsTheReference(string family, string pre)
    {
        JsonElement json = ReadJson(family);
        GgufWriter writer = Begin(json, "gpt2", out string[] tokens).Add("tokenizer.ggml.pre", pre)
            .Add("tokenizer.ggml.merges", [.. json.GetProperty("model").GetProperty("merges").EnumerateArray().Select(Merge)])
            .Add("tokenizer.ggml.add_bos_token", family == "llama-3");
        if (family == "llama-3")
            writer.Add("tokenizer.ggml.bos_token_id", (uint)Array.IndexOf(tokens, "<|begin_of_text|>"));

        Check(family, writer);
    }

    [Theory]
    [InlineData("llama-2")]
    [InlineData("tinyllama")]
    public void Encode_SentencePieceVocabulary_SameIdsAsTheReference(string family)
    {
        JsonElement json = ReadJson(family);
        GgufWriter writer = Begin(json, "llama", out string[] tokens)
            .Add("tokenizer.ggml.scores", Scores(json, tokens))
            .Add("tokenizer.ggml.bos_token_id", 1).Add("tokenizer.ggml.eos_token_id", 2).Add("tokenizer.ggml.unknown_token_id", 0);

        Check(family, writer);
    }

    // The special tokens of Phi 3 take the white space behind them, which no key says.
    [Fact]
    public void Encode_Phi3Vocabulary_SameIdsAsTheReference()
    {
        JsonElement json = ReadJson("phi-3-mini");
        GgufWriter writer = Begin(json, "llama", out string[] tokens, "phi3").Add("tokenizer.ggml.scores", Scores(json, tokens)).Add("tokenizer.ggml.pre", "default")
            .Add("tokenizer.ggml.bos_token_id", 1).Add("tokenizer.ggml.eos_token_id", 32000).Add("tokenizer.ggml.unknown_token_id", 0).Add("tokenizer.ggml.add_bos_token", false);

        Check("phi-3-mini", writer);
    }

    // Converters write the runs of spaces among the tokens of Gemma as spaces; nothing comes before a text.
    [Theory]
    [InlineData("a b", new[] { 2, 6, 7 })]
    [InlineData("a  b", new[] { 2, 6, 8, 9 })]
    [InlineData("a    b", new[] { 2, 6, 10, 9 })]
    [InlineData("<start_of_turn>a\n\nb", new[] { 2, 4, 6, 11, 9 })]
    public void Encode_GemmaVocabulary_FindsUserDefinedTokensFirst(string text, int[] expected)
    {
        Write(new GgufWriter().Add("general.architecture", "gemma3").Add("tokenizer.ggml.model", "llama").Add("tokenizer.ggml.pre", "default").Add("tokenizer.ggml.add_space_prefix", false)
            .Add("tokenizer.ggml.tokens", ["<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>", "a", "▁b", "  ", "b", "    ", "\n\n", "▁"])
            .Add("tokenizer.ggml.token_type", [Control, Control, Control, Unknown, Control, Control, Normal, Normal, UserDefined, Normal, UserDefined, UserDefined, Normal])
            .Add("tokenizer.ggml.scores", new float[13]).Add("tokenizer.ggml.bos_token_id", 2).Add("tokenizer.ggml.eos_token_id", 1).Add("tokenizer.ggml.unknown_token_id", 3)
            .Add("tokenizer.ggml.add_bos_token", true));

        ModelSource source = ModelSource.Of(_folder.Folder, null);

        Assert.Equal(expected, source.Tokenizer().Encode(text).Ids.ToArray());
        Assert.Equal([1, 5], source.Generation().EndTokenIds);
    }

    // SentencePiece strips a text, this tokenizer.json does not: texts that end with a space, or have one before an added token, are left out. So are runs of one character: they can be
    // cut in several ways of the same sum, and the reference rounds the scores that it reads.
    [Fact]
    public void Encode_UnigramVocabulary_SameIdsAsTheReference()
    {
        const int LoneMark = 3, FirstAdded = 32_000;
        JsonElement json = ReadJson("flan-t5");
        JsonElement model = json.GetProperty("model");
        byte[] map = Convert.FromBase64String(Normalizers(json.GetProperty("normalizer")).Single(n => n.TryGetProperty("precompiled_charsmap", out _))
            .GetProperty("precompiled_charsmap").GetString()!);
        GgufWriter writer = Begin(json, "t5", out _)
            .Add("tokenizer.ggml.scores", [.. model.GetProperty("vocab").EnumerateArray().Select(piece => piece[1].GetSingle())])
            .Add("tokenizer.ggml.precompiled_charsmap", map).Add("tokenizer.ggml.add_space_prefix", true).Add("tokenizer.ggml.remove_extra_whitespaces", true)
            .Add("tokenizer.ggml.eos_token_id", 1).Add("tokenizer.ggml.unknown_token_id", 2);

        Check("flan-t5", writer, (text, ids) =>
            text.Distinct().Count() != 1 && !ids.Zip(ids.Skip(1)).Any(pair => pair.First == LoneMark && pair.Second is < LoneMark or >= FirstAdded));
    }

    [Fact]
    public void Tokenizer_UnknownNameOfWordPatterns_IsRefusedByNameUnlessATokenizerLiesBeside()
    {
        Write(new GgufWriter().Add("general.architecture", "llama").Add("tokenizer.ggml.model", "gpt2").Add("tokenizer.ggml.pre", "hieroglyphs")
            .Add("tokenizer.ggml.tokens", ["a"]).Add("tokenizer.ggml.merges", Array.Empty<string>()));

        TokenizerException e = Assert.Throws<TokenizerException>(() => ModelSource.Of(_folder.Folder, null).Tokenizer());
        _folder.Write("tokenizer.json", """{"version":"1.0","added_tokens":[],"model":{"type":"WordLevel","vocab":{"b":0},"unk_token":"b"}}""");

        Assert.Equal(TokenizerFailure.Unsupported, e.Failure);
        Assert.Contains("tokenizer.ggml.pre 'hieroglyphs'", e.Message, StringComparison.Ordinal);
        Assert.Equal(0, ModelSource.Of(_folder.Folder, null).Tokenizer().TokenToId("b"));
    }

    [Fact]
    public void Source_ChatTemplateAndSpecialTokens_ComeFromTheFile()
    {
        Write(new GgufWriter().Add("general.architecture", "qwen2").Add("tokenizer.ggml.model", "gpt2").Add("tokenizer.ggml.pre", "qwen2")
            .Add("tokenizer.ggml.tokens", ["a", "<|endoftext|>", "<|im_end|>", "<tool>"]).Add("tokenizer.ggml.token_type", [Normal, Control, Control, UserDefined])
            .Add("tokenizer.ggml.merges", Array.Empty<string>()).Add("tokenizer.ggml.eos_token_id", 2).Add("tokenizer.ggml.padding_token_id", uint.MaxValue)
            .Add("tokenizer.chat_template", "{{ messages[0]['content'] }}{{ eos_token }}").Add("tokenizer.chat_template.tool_use", "tools"));

        ModelSource source = ModelSource.Of(_folder.Folder, null);

        Assert.Equal([2, 1], source.Generation().EndTokenIds);
        Assert.Equal("<|im_end|>", source.TokenizerConfig().EosToken);
        Assert.True(source.TokenizerConfig().HasChatTemplate);
        Assert.Equal(["default", "tool_use"], source.ChatTemplate()!.Names);
        Assert.Equal("a<|im_end|>", source.ChatTemplate()!.Render(new ChatTemplateInput { Messages = [new("user", "a")] }, TestContext.Current.CancellationToken).Text);
        Assert.True(source.Tokenizer().IsSpecial(2));
        Assert.Equal([0, 3], source.Tokenizer().Encode("a<tool>").Ids.ToArray());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Tokenizer_EndToken_IsSpecialWhereTheKindsSaySoOrAreAbsent(bool hasKinds)
    {
        GgufWriter writer = new GgufWriter().Add("general.architecture", "llama").Add("tokenizer.ggml.model", "gpt2").Add("tokenizer.ggml.tokens", ["a", "!"])
            .Add("tokenizer.ggml.merges", Array.Empty<string>()).Add("tokenizer.ggml.eos_token_id", 1);
        Write(hasKinds ? writer.Add("tokenizer.ggml.token_type", [Normal, Normal]) : writer);

        Assert.Equal(!hasKinds, ModelSource.Of(_folder.Folder, null).Tokenizer().IsSpecial(1));
    }

    [Theory]
    [InlineData("token_type", "has 1 entries")]
    [InlineData("scores", "scores of 1")]
    [InlineData("merges", "which names a token that the vocabulary lacks")]
    [InlineData("model", "'wpm' is not supported")]
    public void Tokenizer_ContradictingKeys_AreNamed(string key, string expected)
    {
        GgufWriter writer = new GgufWriter().Add("general.architecture", "llama").Add("tokenizer.ggml.tokens", ["a", "b", "c"]);
        writer.Add("tokenizer.ggml.model", key switch { "scores" => "llama", "model" => "wpm", _ => "gpt2" }).Add("tokenizer.ggml.scores", [0f])
            .Add("tokenizer.ggml.merges", key == "merges" ? ["a b"] : Array.Empty<string>());
        if (key == "token_type")
            writer.Add("tokenizer.ggml.token_type", [1]);
        Write(writer);

        Exception e = Assert.ThrowsAny<Exception>(() => ModelSource.Of(_folder.Folder, null).Tokenizer());

        Assert.True(e is TokenizerException or InferenceException);
        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
    }

    private static GgufWriter Begin(JsonElement json, string model, out string[] tokens, string architecture = "llama")
    {
        Dictionary<int, string> byId = [];
        JsonElement vocabulary = json.GetProperty("model").GetProperty("vocab");
        if (vocabulary.ValueKind == JsonValueKind.Array)
        {
            foreach (JsonElement piece in vocabulary.EnumerateArray())
                byId[byId.Count] = piece[0].GetString()!;
        }
        else
        {
            foreach (JsonProperty token in vocabulary.EnumerateObject())
                byId[token.Value.GetInt32()] = token.Name;
        }
        Dictionary<int, int> kinds = [];
        foreach (JsonElement added in json.GetProperty("added_tokens").EnumerateArray())
        {
            int id = added.GetProperty("id").GetInt32();
            byId[id] = added.GetProperty("content").GetString()!;
            kinds[id] = byId[id] == "<unk>" ? Unknown : added.GetProperty("special").GetBoolean() ? Control : UserDefined;
        }
        tokens = [.. Enumerable.Range(0, byId.Keys.Max() + 1).Select(id => byId.GetValueOrDefault(id, $"[PAD{id}]"))];
        string[] all = tokens;
        return new GgufWriter().Add("general.architecture", architecture).Add("tokenizer.ggml.model", model).Add("tokenizer.ggml.tokens", tokens)
            .Add("tokenizer.ggml.token_type", [.. tokens.Select((token, id) => kinds.GetValueOrDefault(id, model == "llama" && IsByte(all[id]) ? ByteToken : Normal))]);
    }

    /// <summary>The earlier a token is merged, the better its score.</summary>
    private static float[] Scores(JsonElement json, string[] tokens)
    {
        Dictionary<string, float> ranks = [];
        int rank = 0;
        foreach (JsonElement merge in json.GetProperty("model").GetProperty("merges").EnumerateArray())
            ranks.TryAdd(Merge(merge).Replace(" ", "", StringComparison.Ordinal), -rank++);
        return [.. tokens.Select(token => ranks.GetValueOrDefault(token))];
    }

    private static bool IsByte(string token) => token.Length == 6 && token.StartsWith("<0x", StringComparison.Ordinal) && token[5] == '>';

    private static string Merge(JsonElement merge) => merge.ValueKind == JsonValueKind.String ? merge.GetString()! : $"{merge[0].GetString()} {merge[1].GetString()}";

    private static IEnumerable<JsonElement> Normalizers(JsonElement normalizer) =>
        normalizer.TryGetProperty("normalizers", out JsonElement inner) ? inner.EnumerateArray().SelectMany(Normalizers) : [normalizer];

    private void Check(string family, GgufWriter writer, Func<string, int[], bool>? isMeant = null)
    {
        Write(writer);
        Tokenizer tokenizer = GgufModel.Open(_folder["model.gguf"]).Tokenizer();
        int compared = 0;
        foreach (string line in ReadLines(family))
        {
            JsonElement golden = JsonDocument.Parse(line).RootElement;
            string text = golden.GetProperty("text").GetString()!;
            int[] expected = [.. golden.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())];
            if (text.Length > LongestText || isMeant?.Invoke(text, expected) == false)
                continue;
            Encoding encoding = tokenizer.Encode(text);
            Assert.True(expected.SequenceEqual(encoding.Ids.ToArray()), $"{golden.GetProperty("id")} '{text}': {string.Join(',', expected)} expected, {string.Join(',', encoding.Ids.ToArray())} found");
            if (golden.TryGetProperty("decode_skip", out JsonElement decoded))
                Assert.Equal(decoded.GetString(), tokenizer.Decode([.. encoding.Ids]));
            compared++;
        }
        Assert.True(compared > 100);
    }

    private void Write(GgufWriter writer) => _folder.Write("model.gguf", writer.Build());

    private static JsonElement ReadJson(string family) => JsonDocument.Parse(Unpack(TestData.Shared("tokenizers", family, "tokenizer.json.gz"))).RootElement;

    private static string[] ReadLines(string family)
    {
        using StreamReader reader = new(Unpack(TestData.Shared("tokenizers", family, "golden.jsonl.gz")));
        return reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    private static GZipStream Unpack(string path) => new(File.OpenRead(path), CompressionMode.Decompress);
}
