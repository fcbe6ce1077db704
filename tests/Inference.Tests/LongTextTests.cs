using LlmService.Inference.Scheduling;
using LlmService.Tokenizers;

namespace LlmService.Inference;

public sealed class LongTextTests
{
    /// <summary>The tokenizer spells bytes: as many tokens as characters.</summary>
    [Theory]
    [InlineData(65_536, 10, false)]
    [InlineData(65_537, 10, true)]
    [InlineData(65_537, 60_000, false)]
    [InlineData(500_000, 62_500, false)]
    [InlineData(500_001, 62_500, true)]
    public void Exceeds_TextOfOneTokenACharacter_IsJudgedOnlyWhereItIsFarBeyond(int characters, int most, bool expected) =>
        Assert.Equal(expected, LongText.Exceeds(ByteTokenizer.Create(), new string('a', characters), most));

    [Theory]
    [InlineData(65_536, 10, 65_536)]
    [InlineData(65_537, 10, 65_536)]
    [InlineData(500_000, 65_000, 500_000)]
    [InlineData(600_000, 65_000, 520_000)]
    public void Beginning_OfALongText_HasTheTokensThatAreNeeded(int characters, int tokens, int expected) =>
        Assert.Equal(new string('a', expected), LongText.Beginning(ByteTokenizer.Create(), new string('a', characters), tokens));

    /// <summary>Ends of words that no token stands for: only the whole text has as many tokens as are needed.</summary>
    [Fact]
    public void Beginning_OfATextWithFewTokens_IsAllOfIt()
    {
        string text = new string('x', 70_000) + "tail";
        Tokenizer tokenizer = Tokenizer.Parse("{\"added_tokens\":[],\"model\":{\"type\":\"WordPiece\",\"unk_token\":\"u\",\"continuing_subword_prefix\":\"#\",\"max_input_chars_per_word\":9,\"vocab\":{\"u\":0}}}"u8.ToArray(), "tokenizer.json");

        Assert.Equal(text, LongText.Beginning(tokenizer, text, 2));
        Assert.False(LongText.Exceeds(tokenizer, text, 2));
    }

    /// <summary>A window may cut a pair of surrogates; that is no reason to refuse.</summary>
    [Fact]
    public void Exceeds_TextCutWithinACharacter_IsCounted() =>
        Assert.True(LongText.Exceeds(ByteTokenizer.Create(), "a" + string.Concat(Enumerable.Repeat("😀", 50_000)), 1000));
}
