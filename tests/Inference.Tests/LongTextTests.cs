using LlmService.Inference.Scheduling;

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

    /// <summary>A window may cut a pair of surrogates; that is no reason to refuse.</summary>
    [Fact]
    public void Exceeds_TextCutWithinACharacter_IsCounted() =>
        Assert.True(LongText.Exceeds(ByteTokenizer.Create(), "a" + string.Concat(Enumerable.Repeat("😀", 50_000)), 1000));
}
