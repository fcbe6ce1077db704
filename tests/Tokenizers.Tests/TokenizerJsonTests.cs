using System.Text.Json.Nodes;

namespace LlmService.Tokenizers.Tests;

public sealed class TokenizerJsonTests
{
    [Fact]
    public void Load_NoFile_IsMissing() =>
        Assert.Equal(TokenizerFailure.Missing, Assert.Throws<TokenizerException>(() => Tokenizer.Load("/does-not-exist")).Failure);

    [Theory]
    [InlineData("""{"model":{"type":"Magic"}}""", TokenizerFailure.Unsupported, "$.model.type")]
    [InlineData("""{"model":{"type":"BPE","vocab":{"a":0},"merges":["a b"]}}""", TokenizerFailure.Corrupt, "$.model.merges[0]")]
    [InlineData("""{"model":{"type":"Unigram","unk_id":5,"vocab":[["a",0]]}}""", TokenizerFailure.Corrupt, "$.model.unk_id")]
    [InlineData("""{"normalizer":{"type":"Magic"}}""", TokenizerFailure.Unsupported, "$.normalizer.type")]
    [InlineData("""{"version":"1.0"}""", TokenizerFailure.Corrupt, "$.model")]
    [InlineData("[]", TokenizerFailure.Corrupt, "$")]
    public void Parse_BadFile_NamesThePlace(string json, TokenizerFailure failure, string path)
    {
        TokenizerException error = Assert.Throws<TokenizerException>(() => Tokenizer.Parse(System.Text.Encoding.UTF8.GetBytes(json), "tokenizer.json"));
        Assert.Equal((failure, path), (error.Failure, error.JsonPath));
    }

    /// <summary>Damaged files give our exception and no other, and what still loads can encode and decode.</summary>
    [Fact]
    public void Parse_MutatedFile_OnlyTokenizerException()
    {
        byte[] original = File.ReadAllBytes(TestData.Fixture("tokenizers", "onnx-flan-t5", "tokenizer.json"));
        Random random = new(11);
        for (int round = 0; round < 150; round++) Use(Damage(original, random, 1 + round % 4));
    }

    [Fact]
    public void Parse_MutatedTinyFiles_OnlyTokenizerException()
    {
        byte[][] originals = [.. TinyFiles()];
        Random random = new(12);
        for (int round = 0; round < 3000; round++) Use(Damage(originals[round % originals.Length], random, 1 + round % 3));
    }

    /// <summary>Valid JSON, but with a value, a member or an item that is another one or missing.</summary>
    [Fact]
    public void Parse_TinyFilesWithOtherValues_OnlyTokenizerException()
    {
        string[] values = ["null", "true", "-1", "0", "3", "1e300", "99999999999", "\"\"", "\"▁\"", "\"HALF\"", "[]", "[0]", "[\"a\",\"b\"]", "{}", "{\"a\":0}", "{\"type\":\"Sequence\"}"];
        byte[][] originals = [.. TinyFiles()];
        Random random = new(13);
        for (int round = 0; round < 4000; round++)
        {
            JsonNode root = JsonNode.Parse(originals[round % originals.Length])!;
            JsonNode[] nodes = [.. Below(root)];
            JsonNode node = nodes[random.Next(nodes.Length)];
            if (random.Next(5) > 0) node.ReplaceWith(JsonNode.Parse(values[random.Next(values.Length)]));
            else if (node.Parent is JsonObject parent) parent.Remove(node.GetPropertyName());
            else ((JsonArray)node.Parent!).RemoveAt(node.GetElementIndex());
            Use(System.Text.Encoding.UTF8.GetBytes(root.ToJsonString().Replace("HALF", "\\ud800", StringComparison.Ordinal)));
        }
    }

    [Fact]
    public void Parse_TinyFiles_Load() => Assert.All(TinyFiles(), json => Tokenizer.Parse(json, "tokenizer.json"));

    /// <summary>Between them they hold every component.</summary>
    private static IEnumerable<byte[]> TinyFiles()
    {
        const string Added = """[{"id":9,"content":"T","single_word":true,"lstrip":true,"rstrip":true,"normalized":true,"special":true}]""";
        const string Template = """
            {"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"T","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],"pair":[],
            "special_tokens":{"T":{"id":"T","ids":[9],"tokens":["T"]}}}
            """;
        yield return TinyTokenizer.Json(
            TinyTokenizer.Bpe("a b ab <unk> <0xC3> <0xA9>", """ "unk_token":"<unk>","fuse_unk":true,"byte_fallback":true,"ignore_merges":true,"merges":["a b"]"""),
            """
            {"type":"Sequence","normalizers":[{"type":"NFKC"},{"type":"Strip","strip_left":true,"strip_right":true},{"type":"Prepend","prepend":"▁"},
            {"type":"Replace","pattern":{"String":" "},"content":"▁"}]}
            """,
            postProcessor: Template, added: Added,
            decoder: """
            {"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":1}]}
            """);
        yield return TinyTokenizer.Json(
            TinyTokenizer.Bpe("a b Ġ Ġa", """ "continuing_subword_prefix":"","end_of_word_suffix":"","merges":[["Ġ","a"]]"""),
            """{"type":"NFC"}""",
            """
            {"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":" {2,}"},"behavior":"MergedWithNext","invert":false},
            {"type":"Digits","individual_digits":false},{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true}]}
            """,
            $$"""{"type":"Sequence","processors":[{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true},{{Template}}]}""",
            """{"type":"ByteLevel"}""", Added);
        yield return TinyTokenizer.Json(
            """{"type":"Unigram","unk_id":0,"byte_fallback":true,"vocab":[["<unk>",0],["▁",-2.5],["a",-3],["▁a",-1e1],["<0xC3>",-4]]}""",
            """{"type":"Precompiled","precompiled_charsmap":"CAAAAAAAAAAAAAAAYQA="}""",
            """{"type":"Sequence","pretokenizers":[{"type":"WhitespaceSplit"},{"type":"Metaspace","replacement":"▁","prepend_scheme":"first","split":true}]}""",
            decoder: """{"type":"Metaspace","replacement":"▁","add_prefix_space":true}""", added: Added);
    }

    private static IEnumerable<JsonNode> Below(JsonNode node) =>
        (node is JsonObject members ? members.Select(m => m.Value) : node is JsonArray items ? items : [])
            .OfType<JsonNode>().SelectMany(child => Below(child).Append(child));

    private static byte[] Damage(byte[] original, Random random, int changes)
    {
        byte[] damaged = [.. original];
        for (int i = 0; i < changes; i++) damaged[random.Next(damaged.Length)] = (byte)random.Next(32, 127);
        return damaged;
    }

    /// <summary>Loads a file and does all that one can do with a tokenizer.</summary>
    private static void Use(byte[] json)
    {
        try
        {
            Tokenizer tokenizer = Tokenizer.Parse(json, "tokenizer.json");
            foreach (string text in new[] { "", " ", "Ａ hé 😀 <extra_id_0> aT T  ab12 x" })
            {
                Encoding encoding = tokenizer.Encode(text, SpecialTokens.Include);
                Assert.All(encoding.Offsets, range => Assert.True(0 <= range.Start && range.Start <= range.End && range.End <= text.Length));
                tokenizer.Decode([.. encoding.Ids], SpecialTokens.Include);
            }

            tokenizer.Decode([0, 1, 2, 3, 4, 5, 9, 10, -1], SpecialTokens.Skip);
            for (int id = -1; id < 12; id++) tokenizer.TokenBytes(id);
        }
        catch (TokenizerException)
        {
            // A damaged file may be noticed when it is read, or when a text needs the token that it lost.
        }
    }
}
