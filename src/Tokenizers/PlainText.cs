namespace LlmService.Tokenizers;

/// <summary>Where the spelling of a special token is text like any other.</summary>
/// <param name="isAll">Everywhere.</param>
/// <param name="ranges">There: in order, apart from each other.</param>
internal sealed class PlainText(bool isAll, IReadOnlyList<TextRange> ranges)
{
    public static PlainText Nowhere { get; } = new(isAll: false, []);

    public static PlainText Everywhere { get; } = new(isAll: true, []);

    public bool IsEverywhere => isAll;

    public bool IsNowhere => !isAll && ranges.Count == 0;

    /// <summary>What holds for the first text of a call.</summary>
    public static PlainText Of(EncodeOptions options) =>
        options.SpecialTokensInText == SpecialTokensInText.AreText ? Everywhere : options.PlainRanges.Count == 0 ? Nowhere : new PlainText(isAll: false, options.PlainRanges);

    /// <summary>What holds for the second text of a call.</summary>
    public static PlainText OfPair(EncodeOptions options) => options.SpecialTokensInText == SpecialTokensInText.AreText ? Everywhere : Nowhere;

    /// <summary>Whether any of a range of the original text is plain.</summary>
    public bool Touches(TextRange range)
    {
        if (isAll) return true;
        (int low, int high) = (0, ranges.Count);
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (ranges[middle].End <= range.Start) low = middle + 1;
            else high = middle;
        }

        return low < ranges.Count && ranges[low].Start < range.End;
    }
}
