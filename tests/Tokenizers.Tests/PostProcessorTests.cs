namespace LlmService.Tokenizers.Tests;

public sealed class PostProcessorTests
{
    private const string Template = """
        {"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":1}},{"SpecialToken":{"id":"end","type_id":2}}],
        "pair":[{"Sequence":{"id":"A","type_id":0}},{"Sequence":{"id":"B","type_id":1}}],
        "special_tokens":{"<s>":{"id":"<s>","ids":[1],"tokens":["<s>"]},"end":{"id":"end","ids":[2,3],"tokens":["</s>","<e>"]}}}
        """;

    [Fact]
    public void Encode_Template_AddsSpecialTokens()
    {
        Tokenizer tokenizer = TinyTokenizer.Parse(TinyTokenizer.Bpe("a <s> </s> <e>"), postProcessor: Template);
        Encoding encoding = tokenizer.Encode("aa", SpecialTokens.Include);
        Assert.Equal([1, 0, 0, 2, 3], encoding.Ids);
        Assert.Equal(["<s>", "a", "a", "</s>", "<e>"], encoding.Tokens);
        Assert.Equal([default, new(0, 1), new(1, 2), default, default], encoding.Offsets);
        Assert.Equal([0, 1, 1, 2, 2], encoding.TypeIds);
        Assert.Equal([true, false, false, true, true], encoding.SpecialTokensMask);
    }

    [Fact]
    public void Encode_TemplateWithoutSpecialTokens_OnlySetsTypes()
    {
        Encoding encoding = TinyTokenizer.Parse(TinyTokenizer.Bpe("a <s> </s> <e>"), postProcessor: Template).Encode("a", SpecialTokens.Skip);
        Assert.Equal([0], encoding.Ids);
        Assert.Equal([1], encoding.TypeIds);
    }

    [Fact]
    public void Encode_TemplateOfNothing_IsOnlySpecialTokens() => Assert.Equal(
        "<s> </s> <e>", TinyTokenizer.Parse(TinyTokenizer.Bpe("a <s> </s> <e>"), postProcessor: Template).Tokens("", SpecialTokens.Include));

    [Theory]
    [InlineData("true", "a@0-1 Ġ@2-2 b@2-3")]
    [InlineData("false", "a@0-1 Ġ@1-2 b@2-3")]
    public void Encode_ByteLevel_TrimsOffsets(string trim, string expected) => Assert.Equal(
        expected, TinyTokenizer.Parse(
            TinyTokenizer.Bytes(), preTokenizer: """{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true}""",
            postProcessor: $$"""{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":{{trim}}}""").TokensWithOffsets("a b"));

    [Fact]
    public void Encode_Sequence_GoesInOrder() => Assert.Equal(
        "<s> a </s> <e>", TinyTokenizer.Parse(
            TinyTokenizer.Bpe("a <s> </s> <e>"),
            postProcessor: $$"""{"type":"Sequence","processors":[{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":false},{{Template}}]}""")
            .Tokens("a", SpecialTokens.Include));

    [Fact]
    public void Parse_TemplateWithUnknownToken_IsCorrupt() => Assert.Equal(
        "$.post_processor.single[0].SpecialToken.id",
        Assert.Throws<TokenizerException>(() => TinyTokenizer.Parse(
            TinyTokenizer.Bpe("a"),
            postProcessor: """{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"x","type_id":0}}],"pair":[],"special_tokens":{}}""")).JsonPath);
}
