namespace LlmService.Tokenizers.Tests;

public sealed class NormalizerTests
{
    [Theory]
    [InlineData("NFC", "e\u0301", "\u00E9")]
    [InlineData("NFC", "\uFB01", "\uFB01")]
    [InlineData("NFC", "\u1100\u1161\u11A8", "\uAC01")]
    [InlineData("NFC", "q\u0307\u0323", "q\u0323\u0307")]
    [InlineData("NFC", "\u0958", "\u0915\u093C")]
    [InlineData("NFD", "\u00E9", "e\u0301")]
    [InlineData("NFD", "\u1E69", "s\u0323\u0307")]
    [InlineData("NFD", "\uAC01", "\u1100\u1161\u11A8")]
    [InlineData("NFD", "\uFB01", "\uFB01")]
    [InlineData("NFKC", "\uFF21\uFB01\u2460\u00BD", "Afi11\u20442")]
    [InlineData("NFKC", "e\u0301\u2026", "\u00E9...")]
    [InlineData("NFKD", "\u00E9\uFB01", "e\u0301fi")]
    [InlineData("NFKD", "\U0001D400", "A")]
    [InlineData("NFKC", "\u32FF", "\u32FF")]
    public void Normalize_Forms_EqualsUnicode(string form, string text, string expected) =>
        Assert.Equal(expected, TinyTokenizer.Normalize($$"""{"type":"{{form}}"}""", text));

    [Theory]
    [InlineData("true", "true", " \t a b\u3000\n", "a b")]
    [InlineData("true", "false", " a ", "a ")]
    [InlineData("false", "true", " a ", " a")]
    [InlineData("true", "true", " \u00A0", "")]
    public void Normalize_Strip_RemovesWhiteSpaceAtTheEnds(string left, string right, string text, string expected) =>
        Assert.Equal(expected, TinyTokenizer.Normalize($$"""{"type":"Strip","strip_left":{{left}},"strip_right":{{right}}}""", text));

    [Theory]
    [InlineData("""{"String":"aa"}""", "b", "aaaXa", "baXa")]
    [InlineData("""{"String":"x"}""", "", "xax", "a")]
    [InlineData("""{"Regex":" {2,}"}""", "_", "a  b c    d", "a_b c_d")]
    public void Normalize_Replace_ReplacesEveryMatch(string pattern, string content, string text, string expected) =>
        Assert.Equal(expected, TinyTokenizer.Normalize($$"""{"type":"Replace","pattern":{{pattern}},"content":"{{content}}"}""", text));

    [Theory]
    [InlineData("a", "_a")]
    [InlineData("", "")]
    public void Normalize_Prepend_ComesBeforeText(string text, string expected) =>
        Assert.Equal(expected, TinyTokenizer.Normalize("""{"type":"Prepend","prepend":"_"}""", text));

    [Fact]
    public void Normalize_Sequence_GoesInOrder() => Assert.Equal(
        "_a_", TinyTokenizer.Normalize(
            """{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"x"},{"type":"Replace","pattern":{"String":"x"},"content":"_"}]}""", "ax"));

    /// <summary>Offsets point into the text as it was, whatever the normalizer did to it; a composed character stands for its first part.</summary>
    [Fact]
    public void Encode_ChangedText_KeepsOffsets() => Assert.Equal(
        "_@0-1 f@0-1 i@0-1 x@1-2 é@2-3", TinyTokenizer.Parse(
            TinyTokenizer.Bpe("_ f i x é"),
            normalizer: """{"type":"Sequence","normalizers":[{"type":"NFKC"},{"type":"Prepend","prepend":"_"}]}""").TokensWithOffsets("\uFB01xe\u0301"));

    [Fact]
    public void Encode_LoneSurrogates_CountAsReplacementCharacters() => Assert.Equal(
        "\uFFFD@0-1 a@1-2 \uFFFD@2-3", TinyTokenizer.Parse(TinyTokenizer.Bpe("a \uFFFD")).TokensWithOffsets("\uD83Da\uDE00"));
}
