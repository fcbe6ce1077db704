namespace LlmService.Tokenizers.Tests;

public sealed class AddedTokenTests
{
    [Theory]
    [InlineData("", "a@0-1 _@1-2 T@2-3 _@3-4 a@4-5")]
    [InlineData("lstrip", "a@0-1 T@1-3 _@3-4 a@4-5")]
    [InlineData("rstrip", "a@0-1 _@1-2 T@2-4 a@4-5")]
    [InlineData("lstrip rstrip", "a@0-1 T@1-4 a@4-5")]
    public void Encode_Strip_SwallowsSpaces(string flags, string expected)
    {
        Encoding encoding = Build("T", flags).Encode("a T a", SpecialTokens.Skip);
        Assert.Equal(expected, string.Join(' ', encoding.Ids.Zip(encoding.Offsets, (id, range) => $"{(id == 9 ? "T" : "a_"[id])}@{range.Start}-{range.End}")));
    }

    /// <summary>Spaces between two tokens go to the first that asks for them.</summary>
    [Fact]
    public void Encode_StripBetweenTwo_GoesToTheFirst() => Assert.Equal("T  @0-3 T@3-4", Build("T", "lstrip rstrip").TokensWithOffsets("T  T"));

    [Theory]
    [InlineData("", "T a T")]
    [InlineData("single_word", "a T")]
    public void Encode_SingleWord_NeedsWordBoundaries(string flags, string expected) => Assert.Equal(expected, Build("T", flags).Tokens("Ta-T"));

    [Theory]
    [InlineData("", "é")]
    [InlineData("normalized", "T")]
    public void Encode_Normalized_MatchesTheNormalizedText(string flags, string expected)
    {
        // The text has the composed character, the token the decomposed one.
        Tokenizer tokenizer = Build("e\u0301", flags, """{"type":"NFC"}""");
        Assert.Equal(expected == "T" ? [9] : [2], tokenizer.Encode("\u00E9", SpecialTokens.Skip).Ids);
        Assert.Equal([9], tokenizer.Encode("e\u0301", SpecialTokens.Skip).Ids);
    }

    [Fact]
    public void Encode_Overlapping_TakesTheLongestOnTheLeft()
    {
        Tokenizer tokenizer = TinyTokenizer.Parse(
            TinyTokenizer.Bpe("a b"), added: $"[{Token(2, "ab", "")},{Token(3, "abab", "")},{Token(4, "ba", "")}]");
        Assert.Equal([3, 2, 0], tokenizer.Encode("abababa", SpecialTokens.Skip).Ids);
    }

    [Fact]
    public void Decode_SpecialFlag_LeavesTheTokenOut()
    {
        Tokenizer special = Build("T", "special"), plain = Build("T", "");
        Assert.Equal(("a a", "a T a"), (special.Decode([0, 9, 0], SpecialTokens.Skip), special.Decode([0, 9, 0], SpecialTokens.Include)));
        Assert.Equal("a T a", plain.Decode([0, 9, 0], SpecialTokens.Skip));
        Assert.Equal((true, false, false), (special.IsSpecial(9), plain.IsSpecial(9), special.IsSpecial(0)));
    }

    [Fact]
    public void Lookup_AddedTokens_StandBesideTheVocabulary()
    {
        Tokenizer tokenizer = Build("T", "");
        Assert.Equal((9, 0, null), (tokenizer.TokenToId("T"), tokenizer.TokenToId("a"), tokenizer.TokenToId("nothing")));
        Assert.Equal(("T", "a", null, null), (tokenizer.IdToToken(9), tokenizer.IdToToken(0), tokenizer.IdToToken(10), tokenizer.IdToToken(-1)));
        Assert.Equal(10, tokenizer.VocabularySize);
    }

    private static Tokenizer Build(string content, string flags, string normalizer = "null") => TinyTokenizer.Parse(
        """{"type":"BPE","vocab":{"a":0," ":1,"é":2,"3":3,"4":4,"5":5,"6":6,"7":7,"8":8},"merges":[]}""", normalizer, added: $"[{Token(9, content, flags)}]");

    private static string Token(int id, string content, string flags)
    {
        string Flag(string name) => $"\"{name}\":{(flags.Contains(name, StringComparison.Ordinal) ? "true" : "false")}";
        return $$"""{"id":{{id}},"content":"{{content}}",{{Flag("single_word")}},{{Flag("lstrip")}},{{Flag("rstrip")}},{{Flag("normalized")}},{{Flag("special")}}}""";
    }
}
