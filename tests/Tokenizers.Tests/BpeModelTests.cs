namespace LlmService.Tokenizers.Tests;

public sealed class BpeModelTests
{
    private const string ByteTokens = "<unk> a <0xC3> <0xA9> <0xF0> <0x9F> <0x98> <0x80>";

    [Theory]
    [InlineData("""["a b","ab c"]""")]
    [InlineData("""[["a","b"],["ab","c"]]""")]
    public void Encode_MergesInBothSpellings_AreTheSame(string merges)
    {
        Tokenizer tokenizer = TinyTokenizer.Parse(TinyTokenizer.Bpe("a b c ab abc", $"\"merges\":{merges}"));
        Assert.Equal("abc@0-3 ab@3-5 a@5-6 c@6-7", tokenizer.TokensWithOffsets("abcabac"));
    }

    [Fact]
    public void Encode_MergesAsArrays_MayHoldSpaces()
    {
        Tokenizer tokenizer = TinyTokenizer.Parse("""{"type":"BPE","vocab":{"a":0," ":1," a":2},"merges":[[" ","a"]]}""");
        Assert.Equal([2, 0, 1], tokenizer.Encode(" aa ", SpecialTokens.Skip).Ids);
    }

    /// <summary>The lower rank goes first, and of equal ones the one on the left.</summary>
    [Theory]
    [InlineData("abc", "a bc")]
    [InlineData("aaa", "aa a")]
    [InlineData("aaaaa", "aaaa a")]
    public void Encode_CompetingMerges_FollowRankThenPlace(string text, string tokens) => Assert.Equal(
        tokens, TinyTokenizer.Parse(TinyTokenizer.Bpe("a b c ab bc aa aaaa", """ "merges":["b c","a b","a a","aa aa"]""")).Tokens(text));

    [Theory]
    [InlineData("false", "ab c")]
    [InlineData("true", "abc")]
    public void Encode_WholePieceInVocabulary_IgnoreMergesDecides(string ignoreMerges, string tokens) => Assert.Equal(
        tokens, TinyTokenizer.Parse(TinyTokenizer.Bpe("a b c ab abc", $"\"ignore_merges\":{ignoreMerges},\"merges\":[\"a b\"]")).Tokens("abc"));

    [Theory]
    [InlineData("false", "<unk>@0-1 <unk>@1-2 a@2-3 <unk>@3-5")]
    [InlineData("true", "<unk>@0-2 a@2-3 <unk>@3-5")]
    public void Encode_UnknownCharacters_FuseUnkDecides(string fuse, string tokens) => Assert.Equal(
        tokens, TinyTokenizer.Parse(TinyTokenizer.Bpe("<unk> a", $"\"unk_token\":\"<unk>\",\"fuse_unk\":{fuse},\"merges\":[]")).TokensWithOffsets("xya😀"));

    /// <summary>Offsets count as if the dropped text had not been there; the format's reference does so.</summary>
    [Fact]
    public void Encode_UnknownWithoutToken_IsDropped() => Assert.Equal("a@0-1", TinyTokenizer.Parse(TinyTokenizer.Bpe("a")).TokensWithOffsets("xay"));

    [Theory]
    [InlineData("é", "<0xC3>@0-1 <0xA9>@0-1")]
    [InlineData("a😀", "a@0-1 <0xF0>@1-3 <0x9F>@1-3 <0x98>@1-3 <0x80>@1-3")]
    [InlineData("è", "<unk>@0-1")]
    [InlineData("<0xC3>", "<unk>@0-1 <unk>@1-2 <unk>@2-3 <unk>@3-4 <unk>@4-5 <unk>@5-6")]
    public void Encode_ByteFallback_TakesBytesWhenAllAreThere(string text, string tokens) => Assert.Equal(
        tokens, TinyTokenizer.Parse(TinyTokenizer.Bpe(ByteTokens, """ "unk_token":"<unk>","byte_fallback":true,"merges":[]""")).TokensWithOffsets(text));

    [Fact]
    public void Encode_WordEnd_IsMarkedBySuffix() => Assert.Equal(
        "ab</w> a b ab</w>", TinyTokenizer.Parse(
            TinyTokenizer.Bpe("a b b</w> ab</w>", """ "end_of_word_suffix":"</w>","merges":["a b</w>"]"""),
            preTokenizer: """{"type":"WhitespaceSplit"}""").Tokens("ab abab"));

    [Fact]
    public void Encode_WordMiddle_IsMarkedByPrefix() => Assert.Equal(
        "abc", TinyTokenizer.Parse(
            TinyTokenizer.Bpe("a ##b ##c ab abc", """ "continuing_subword_prefix":"##","merges":["a ##b","ab ##c"]""")).Tokens("abc"));

    /// <summary>Dropout is for training: a file that was saved with it gives the same tokens every time.</summary>
    [Fact]
    public void Encode_Dropout_IsOff()
    {
        Tokenizer tokenizer = TinyTokenizer.Parse(TinyTokenizer.Bpe("a b ab", """ "dropout":1,"merges":["a b"]"""));
        Assert.Equal("ab ab ab", tokenizer.Tokens("ababab"));
    }

    [Fact]
    public void Encode_UnknownTokenNotInVocabulary_IsAnError()
    {
        Tokenizer tokenizer = TinyTokenizer.Parse(TinyTokenizer.Bpe("a", """ "unk_token":"<unk>","merges":[]"""));
        Assert.Equal("a a", tokenizer.Tokens("aa"));
        Assert.Equal("$.model.unk_token", Assert.Throws<TokenizerException>(() => tokenizer.Tokens("ab")).JsonPath);
    }

    /// <summary>Fifty thousand letters without a space: time must grow with the length and not with its square.</summary>
    [Fact]
    public async Task Encode_LongWord_EndsSoon()
    {
        Tokenizer tokenizer = TinyTokenizer.Parse(TinyTokenizer.Bpe("a b ab abab", """ "merges":["a b","ab ab"]"""));
        string text = string.Concat(Enumerable.Repeat("ab", 25_000));
        Encoding encoding = await Task.Run(() => tokenizer.Encode(text, SpecialTokens.Skip), TestContext.Current.CancellationToken)
            .WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken);
        Assert.Equal(12_500, encoding.Ids.Count);
    }
}
