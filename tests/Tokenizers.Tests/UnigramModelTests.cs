namespace LlmService.Tokenizers.Tests;

public sealed class UnigramModelTests
{
    private const string Model = """
        {"type":"Unigram","unk_id":0,"vocab":[["<unk>",0],["a",-3],["b",-3],["ab",-5],["abc",-20],["c",-3],["bc",-4]]}
        """;

    /// <summary>The best sum of scores wins, not the longest piece.</summary>
    [Theory]
    [InlineData("ab", "ab@0-2")]
    [InlineData("abc", "a@0-1 bc@1-3")]
    [InlineData("aab", "a@0-1 ab@1-3")]
    [InlineData("", "")]
    public void Encode_Pieces_HaveTheBestSum(string text, string tokens) => Assert.Equal(tokens, TinyTokenizer.Parse(Model).TokensWithOffsets(text));

    /// <summary>Unknown neighbours become one token that keeps its text.</summary>
    [Fact]
    public void Encode_UnknownRun_IsOneToken()
    {
        Tokenizer tokenizer = TinyTokenizer.Parse(Model);
        Assert.Equal("x😀@0-3 a@3-4 y@4-5", tokenizer.TokensWithOffsets("x😀ay"));
        Assert.Equal([0, 1, 0], tokenizer.Encode("x😀ay", SpecialTokens.Skip).Ids);
    }

    [Fact]
    public void Encode_ByteFallback_TakesBytes() => Assert.Equal(
        "a@0-1 <0xC3>@1-2 <0xA9>@1-2",
        TinyTokenizer.Parse("""{"type":"Unigram","unk_id":0,"byte_fallback":true,"vocab":[["<unk>",0],["a",-3],["<0xC3>",-9],["<0xA9>",-9]]}""")
            .TokensWithOffsets("aé"));

    /// <summary>Old files leave the type out.</summary>
    [Fact]
    public void Parse_NoType_IsUnigram() => Assert.Equal("a b", TinyTokenizer.Parse("""{"unk_id":0,"vocab":[["<unk>",0],["a",-3],["b",-3]]}""").Tokens("ab"));
}
