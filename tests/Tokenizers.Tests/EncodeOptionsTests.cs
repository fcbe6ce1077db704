namespace LlmService.Tokenizers.Tests;

public sealed class EncodeOptionsTests
{
    private const string Added = """[{"id":3,"content":"<s>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}]""";
    private const string Template = """
        {"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],
        "pair":[{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}},{"Sequence":{"id":"B","type_id":1}}],
        "special_tokens":{"<s>":{"id":"<s>","ids":[3],"tokens":["<s>"]}}}
        """;

    private static readonly Tokenizer Tiny = TinyTokenizer.Parse(
        TinyTokenizer.Bpe("a b c <s> < s >"), preTokenizer: """{"type":"Split","pattern":{"Regex":"."},"behavior":"Isolated","invert":false}""", postProcessor: Template, added: Added);

    [Theory]
    [InlineData(TruncationDirection.Right, "<s> a b")]
    [InlineData(TruncationDirection.Left, "<s> b c")]
    public void Encode_Truncation_CountsSpecialTokens(TruncationDirection direction, string expected) =>
        Assert.Equal(expected, Tokens(Tiny.Encode("abc", null, new EncodeOptions { Truncation = new Truncation(3) { Direction = direction } })));

    [Theory]
    [InlineData(TruncationStrategy.LongestFirst, "<s> a a b b")]
    [InlineData(TruncationStrategy.OnlyFirst, "<s> a b b b")]
    [InlineData(TruncationStrategy.OnlySecond, "<s> a a a b")]
    public void Encode_TruncatedPair_CutsAsTheStrategySays(TruncationStrategy strategy, string expected) =>
        Assert.Equal(expected, Tokens(Tiny.Encode("aaa", "bbb", new EncodeOptions { Truncation = new Truncation(5) { Strategy = strategy } })));

    [Fact]
    public void Encode_TruncationThatCannotBeKept_SaysWhy()
    {
        Assert.Contains("no room", Assert.Throws<ArgumentException>(() => Truncated(-1, default)).Message, StringComparison.Ordinal);
        Assert.Contains("only one", Assert.Throws<ArgumentException>(() => Truncated(2, TruncationStrategy.OnlySecond)).Message, StringComparison.Ordinal);
        static Encoding Truncated(int length, TruncationStrategy strategy) => Tiny.Encode("abc", null, new EncodeOptions { Truncation = new Truncation(length) { Strategy = strategy } });
    }

    [Fact]
    public void EncodeBatch_Padding_MakesAllAsLongAsTheLongest()
    {
        IReadOnlyList<Encoding> batch = Tiny.EncodeBatch(["a", "abc"], new EncodeOptions { Padding = new Padding { Id = 9, Token = "[P]", MultipleOf = 3 } });
        Assert.Equal(["<s> a [P] [P] [P] [P]", "<s> a b c [P] [P]"], batch.Select(Tokens));
        Assert.Equal([true, true, false, false, false, false], batch[0].AttentionMask);
        Assert.Equal([true, false, true, true, true, true], batch[0].SpecialTokensMask);
        Assert.Equal([-1, 0, -1, -1, -1, -1], batch[0].SequenceIds);
        Assert.Equal([3, 0, 9, 9, 9, 9], batch[0].Ids);
    }

    /// <summary>What a user writes cannot become a control token when the caller says so.</summary>
    [Fact]
    public void Encode_SpecialTokensInText_CanBeText()
    {
        Assert.Equal("<s> a <s>", Tokens(Tiny.Encode("a<s>", null, new EncodeOptions())));
        Assert.Equal("<s> a < s >", Tokens(Tiny.Encode("a<s>", null, new EncodeOptions { SpecialTokensInText = SpecialTokensInText.AreText })));
    }

    [Fact]
    public void Parse_TruncationAndPadding_AreReadAndNotApplied()
    {
        string json = System.Text.Encoding.UTF8.GetString(TinyTokenizer.Json(TinyTokenizer.Bpe("a b c")))
            .Replace("\"truncation\":null", """ "truncation":{"direction":"Left","max_length":2,"strategy":"OnlyFirst","stride":1}""", StringComparison.Ordinal)
            .Replace("\"padding\":null", """ "padding":{"strategy":{"Fixed":8},"direction":"Left","pad_to_multiple_of":null,"pad_id":7,"pad_type_id":1,"pad_token":"p"}""", StringComparison.Ordinal);
        Tokenizer tokenizer = Tokenizer.Parse(System.Text.Encoding.UTF8.GetBytes(json), "tiny.json");
        Assert.Equal(new Truncation(2) { Direction = TruncationDirection.Left, Strategy = TruncationStrategy.OnlyFirst, Stride = 1 }, tokenizer.Truncation);
        Assert.Equal(new Padding { Length = 8, Direction = PaddingDirection.Left, Id = 7, TypeId = 1, Token = "p" }, tokenizer.Padding);
        Assert.Equal(3, tokenizer.Encode("abc").Count);
        Assert.Equal("p p p p p p b c", Tokens(tokenizer.Encode("abc", null, new EncodeOptions { Truncation = tokenizer.Truncation, Padding = tokenizer.Padding })));
    }

    private static string Tokens(Encoding encoding) => string.Join(' ', encoding.Tokens);
}
