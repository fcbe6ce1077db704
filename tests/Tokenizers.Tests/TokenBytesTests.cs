namespace LlmService.Tokenizers.Tests;

public sealed class TokenBytesTests
{
    private const string Special = """[{"id":ID,"content":"</s>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}]""";

    [Fact]
    public void TokenBytes_ByteLevel_AreTheBytesOfTheAlphabet()
    {
        Tokenizer tokenizer = TinyTokenizer.Parse(
            TinyTokenizer.Bpe("Ġa Ã © ðŁĺ 東"), decoder: """{"type":"ByteLevel"}""", added: Special.Replace("ID", "5", StringComparison.Ordinal));
        Assert.Equal(" a"u8, tokenizer.TokenBytes(0));
        Assert.Equal([0xC3], tokenizer.TokenBytes(1));
        Assert.Equal([0xA9], tokenizer.TokenBytes(2));
        Assert.Equal([0xF0, 0x9F, 0x98], tokenizer.TokenBytes(3));
        Assert.Equal("東"u8, tokenizer.TokenBytes(4));
        Assert.Empty(tokenizer.TokenBytes(5));
    }

    [Fact]
    public void TokenBytes_Metaspace_MarkIsASpace()
    {
        Tokenizer tokenizer = TinyTokenizer.Parse(
            TinyTokenizer.Bpe("▁a a ▁ é"), decoder: """{"type":"Metaspace","replacement":"▁","prepend_scheme":"always"}""",
            added: Special.Replace("ID", "4", StringComparison.Ordinal));
        Assert.Equal(" a"u8, tokenizer.TokenBytes(0));
        Assert.Equal("a"u8, tokenizer.TokenBytes(1));
        Assert.Equal(" "u8, tokenizer.TokenBytes(2));
        Assert.Equal("é"u8, tokenizer.TokenBytes(3));
        Assert.Empty(tokenizer.TokenBytes(4));
    }

    [Fact]
    public void TokenBytes_ByteFallback_ByteTokensAreBytes()
    {
        Tokenizer tokenizer = TinyTokenizer.Parse(
            TinyTokenizer.Bpe("▁a <0xF0> <0x0A> <0xZZ>"),
            decoder: """
            {"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]}
            """,
            added: Special.Replace("ID", "4", StringComparison.Ordinal));
        Assert.Equal(" a"u8, tokenizer.TokenBytes(0));
        Assert.Equal([0xF0], tokenizer.TokenBytes(1));
        Assert.Equal("\n"u8, tokenizer.TokenBytes(2));
        Assert.Equal("<0xZZ>"u8, tokenizer.TokenBytes(3));
        Assert.Empty(tokenizer.TokenBytes(4));
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(2)]
    [InlineData(int.MaxValue)]
    public void TokenBytes_UnknownId_IsEmpty(int id) => Assert.Empty(TinyTokenizer.Parse(TinyTokenizer.Bpe("a b")).TokenBytes(id));

    /// <summary>The bytes of the tokens of a text, joined, are the text.</summary>
    [Theory]
    [InlineData("gpt-2")]
    [InlineData("qwen2.5")]
    [InlineData("llama-2")]
    [InlineData("tinyllama")]
    [InlineData("mistral-v0.3")]
    public void TokenBytes_OfAText_JoinToTheText(string family)
    {
        const string Text = "Hello wörld, 你好! 😀  a\n\tb";
        Tokenizer tokenizer = GoldenFile.LoadTokenizer(family);
        byte[] bytes = [.. tokenizer.Encode(Text, SpecialTokens.Skip).Ids.SelectMany(tokenizer.TokenBytes)];
        Assert.Equal(Text, System.Text.Encoding.UTF8.GetString(bytes).TrimStart());
    }
}
