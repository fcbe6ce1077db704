namespace LlmService.Tokenizers.Tests;

public sealed class PreTokenizerTests
{
    [Theory]
    [InlineData("Removed", "false", "a|b")]
    [InlineData("Isolated", "false", "a|-|-|b|-")]
    [InlineData("MergedWithPrevious", "false", "a-|-|b-")]
    [InlineData("MergedWithNext", "false", "a|-|-b|-")]
    [InlineData("Contiguous", "false", "a|--|b|-")]
    [InlineData("Removed", "true", "-|-|-")]
    public void Cut_SplitBehaviors_AreKnown(string behavior, string invert, string expected) => Assert.Equal(
        expected, TinyTokenizer.Cut($$"""{"type":"Split","pattern":{"String":"-"},"behavior":"{{behavior}}","invert":{{invert}}}""", "a--b-"));

    [Theory]
    [InlineData("true", "a|1|2|b|½|３")]
    [InlineData("false", "a|12|b|½３")]
    public void Cut_Digits_AreAnyNumbers(string individual, string expected) =>
        Assert.Equal(expected, TinyTokenizer.Cut($$"""{"type":"Digits","individual_digits":{{individual}}}""", "a12b½３"));

    [Theory]
    [InlineData("\"prepend_scheme\":\"always\"", " a  b", "▁a|▁|▁b")]
    [InlineData("\"prepend_scheme\":\"always\"", "a b", "▁a|▁b")]
    [InlineData("\"prepend_scheme\":\"never\"", "a b", "a|▁b")]
    [InlineData("\"prepend_scheme\":\"always\",\"split\":false", "a b", "▁a▁b")]
    [InlineData("\"add_prefix_space\":true", "a b", "▁a|▁b")]
    [InlineData("\"add_prefix_space\":false", "a b", "a|▁b")]
    [InlineData("\"str_rep\":\"▁\",\"add_prefix_space\":true", "a", "▁a")]
    public void Cut_Metaspace_KnowsOldAndNewFiles(string settings, string text, string expected) =>
        Assert.Equal(expected, TinyTokenizer.Cut($$"""{"type":"Metaspace","replacement":"▁",{{settings}}}""", text));

    /// <summary>The scheme "first" marks the start of the text only, not what follows an added token.</summary>
    [Theory]
    [InlineData("first", "▁a T a")]
    [InlineData("always", "▁a T ▁a")]
    public void Encode_MetaspaceAfterAddedToken_SchemeDecides(string scheme, string expected) => Assert.Equal(
        expected, TinyTokenizer.Parse(
            TinyTokenizer.Bpe("a ▁ ▁a T", """ "merges":["▁ a"]"""),
            preTokenizer: $$"""{"type":"Metaspace","replacement":"▁","prepend_scheme":"{{scheme}}"}""",
            added: """[{"id":3,"content":"T","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}]""").Tokens("aTa"));

    [Theory]
    [InlineData("don't  stop1²!\n", "don|'t|Ġ|Ġstop|1Â²|!|Ċ")]
    [InlineData("é 😀", "Ã©|ĠðŁĺĢ")]
    public void Cut_ByteLevel_CutsAsGpt2AndShowsBytes(string text, string expected) => Assert.Equal(
        expected, TinyTokenizer.Cut("""{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true}""", text));

    [Theory]
    [InlineData("a b", "Ġa|Ġb")]
    [InlineData(" a", "Ġa")]
    public void Cut_ByteLevelWithPrefix_StartsWithSpace(string text, string expected) => Assert.Equal(
        expected, TinyTokenizer.Cut("""{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true}""", text));

    [Fact]
    public void Cut_ByteLevelWithoutExpression_KeepsTheText() => Assert.Equal(
        "aĠb", TinyTokenizer.Cut("""{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":false}""", "a b"));

    [Theory]
    [InlineData(1, "Hello| WORLD|'S|1|2|3|4| !\r\n|  | x|\ty|  ")]
    [InlineData(3, "Hello| WORLD|'S|123|4| !\r\n|  | x|\ty|  ")]
    public void Cut_WordExpressions_DifferInDigits(int digits, string expected) => Assert.Equal(
        expected, TinyTokenizer.Cut(
            """
            {"type":"Split","behavior":"Isolated","invert":false,"pattern":{"Regex":"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}DIGITS| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"}}
            """.Replace("DIGITS", digits == 1 ? "" : "{1,3}", StringComparison.Ordinal),
            "Hello WORLD'S1234 !\r\n   x\ty  "));

    [Fact]
    public void Cut_WhitespaceSplit_DropsAllWhiteSpace() =>
        Assert.Equal("a|b\u200Bc|d", TinyTokenizer.Cut("""{"type":"WhitespaceSplit"}""", " a\u0085b\u200Bc\u3000\td\n"));

    [Fact]
    public void Cut_Sequence_GoesInOrder() => Assert.Equal(
        "▁a|▁b", TinyTokenizer.Cut(
            """{"type":"Sequence","pretokenizers":[{"type":"WhitespaceSplit"},{"type":"Metaspace","replacement":"▁","add_prefix_space":true}]}""", " a  b "));
}
