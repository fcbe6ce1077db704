namespace LlmService.Tokenizers.Tests;

/// <summary>Vocabulary and merges are read while the file is scanned, in whatever order the file has them.</summary>
public sealed class ModelTablesTests
{
    private const string Vocabulary = """ "vocab":{"a":0,"##b":1,"ab":2,"b":3} """, Prefix = """ "continuing_subword_prefix":"##" """, Merges = """ "merges":["a ##b"] """;

    [Theory]
    [InlineData($"{Prefix},{Vocabulary},{Merges}")]
    [InlineData($"{Merges},{Vocabulary},{Prefix}")]
    [InlineData($"{Vocabulary},{Merges},{Prefix}")]
    [InlineData($"{Merges},{Prefix},{Vocabulary}")]
    [InlineData("\"vocab\":{\"x\":0},\"merges\":[\"x y\"]," + $"{Prefix},{Merges},{Vocabulary}")]
    [InlineData("\"continuing_subword_prefix\":\"\\u0023#\"," + $"{Vocabulary},{Merges}")]
    [InlineData($"{Prefix}," + "\"v\\u006fcab\":{\"a\":0,\"##b\":1,\"ab\":2}," + Merges)]
    public void Parse_MembersInAnyOrder_MergeAlike(string members) =>
        Assert.Equal("ab", TinyTokenizer.Parse($$"""{"type":"BPE",{{members}}}""").Tokens("ab"));

    [Theory]
    [InlineData("""{"type":"BPE","vocab":[["a",-1]],"merges":[]}""", "$.model.vocab")]
    [InlineData("""{"type":"BPE","vocab":{"a":-1},"merges":[]}""", "$.model.vocab")]
    [InlineData("""{"type":"BPE","vocab":{"a":0},"merges":["a a","a b"]}""", "$.model.merges[0]")]
    [InlineData("""{"type":"BPE","vocab":{"a":0},"merges":{}}""", "$.model.merges")]
    [InlineData("""{"type":"Unigram","unk_id":0,"vocab":[["a",-1],["b"]]}""", "$.model.vocab[1]")]
    [InlineData("""{"type":"Unigram","unk_id":0,"vocab":{"a":0}}""", "$.model.vocab")]
    [InlineData("""{"type":"Other","vocab":[1,2]}""", "$.model.type")]
    [InlineData("""{"type":"BPE","vocab":{"a":0}}""", "$.model.merges")]
    public void Parse_DamagedTables_NamesTheirPlace(string model, string path) =>
        Assert.Equal(path, Assert.Throws<TokenizerException>(() => TinyTokenizer.Parse(model)).JsonPath);
}
