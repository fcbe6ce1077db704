namespace LlmService.Tokenizers.Tests;

public sealed class DecoderTests
{
    [Theory]
    [InlineData("Ġa|Ã©|Ċ", " aé\n")]
    [InlineData("ðŁ|ĺĢ", "😀")]
    [InlineData("ðŁ|x", "\uFFFDx")]
    [InlineData("a b", "a b")]
    public void Decode_ByteLevel_ReadsBytes(string tokens, string expected) =>
        Assert.Equal(expected, TinyTokenizer.Decode("""{"type":"ByteLevel"}""", tokens.Split('|')));

    /// <summary>A run of byte tokens that is not UTF-8 gives one U+FFFD a byte.</summary>
    [Theory]
    [InlineData("a|<0xC3>|<0xA9>|b", "aéb")]
    [InlineData("<0xF0>|<0x9F>|<0x98>|<0x80>|<0x41>", "😀A")]
    [InlineData("<0xFF>|<0x41>", "\uFFFD\uFFFD")]
    [InlineData("<0x41>|<0xC3>|b", "\uFFFD\uFFFDb")]
    [InlineData("<0x4>|<0x041>", "<0x4><0x041>")]
    public void Decode_ByteFallback_ReadsWholeRuns(string tokens, string expected) =>
        Assert.Equal(expected, TinyTokenizer.Decode("""{"type":"ByteFallback"}""", tokens.Split('|')));

    [Theory]
    [InlineData("\"prepend_scheme\":\"always\"", "a b")]
    [InlineData("\"prepend_scheme\":\"first\"", "a b")]
    [InlineData("\"prepend_scheme\":\"never\"", " a b")]
    [InlineData("\"add_prefix_space\":true", "a b")]
    [InlineData("\"add_prefix_space\":false", " a b")]
    public void Decode_Metaspace_DropsThePrependedMark(string settings, string expected) =>
        Assert.Equal(expected, TinyTokenizer.Decode($$"""{"type":"Metaspace","replacement":"▁",{{settings}}}""", "▁a", "▁b"));

    [Theory]
    [InlineData(1, 0, " a  b  ")]
    [InlineData(0, 1, "  a  b ")]
    [InlineData(9, 9, "ab")]
    public void Decode_Strip_CutsEveryToken(int start, int stop, string expected) => Assert.Equal(
        expected, TinyTokenizer.Decode($$"""{"type":"Strip","content":" ","start":{{start}},"stop":{{stop}}}""", "  a ", "  b  ", " "));

    [Fact]
    public void Decode_StripAfterFuse_CutsTheText() => Assert.Equal(
        " a ", TinyTokenizer.Decode("""{"type":"Sequence","decoders":[{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":1}]}""", " ", " a ", " "));

    [Fact]
    public void Decode_Replace_ReplacesInEveryToken() => Assert.Equal(
        " a  b", TinyTokenizer.Decode("""{"type":"Replace","pattern":{"String":"▁"},"content":" "}""", "▁a", "▁▁b"));

    /// <summary>Llama's chain: marks to spaces, bytes to text, and the first space away.</summary>
    [Fact]
    public void Decode_LlamaChain_GivesText() => Assert.Equal(
        "a 😀 b", TinyTokenizer.Decode(
            """
            {"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]}
            """,
            "▁a", "▁", "<0xF0>", "<0x9F>", "<0x98>", "<0x80>", "▁b"));

    [Fact]
    public void Decode_NoDecoder_PutsSpacesBetween() =>
        Assert.Equal("a b a", TinyTokenizer.Parse(TinyTokenizer.Bpe("a b")).Decode([0, 1, 0], SpecialTokens.Skip));
}
