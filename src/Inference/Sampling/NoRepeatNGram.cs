namespace LlmService.Inference.Sampling;

/// <summary>Masks the tokens that would complete a run of so many tokens for the second time.</summary>
/// <param name="size">The length of the run.</param>
/// <param name="source">Where runs must not come from again; null for what the decoder has read.</param>
internal sealed class NoRepeatNGram(int size, int[]? source = null) : LogitsProcessor
{
    /// <inheritdoc/>
    public override void Apply(TokenHistory history, Span<float> scores)
    {
        int before = size - 1;
        if (history.Ids.Length < before)
            return;

        ReadOnlySpan<int> seen = source ?? history.Ids;
        ReadOnlySpan<int> last = history.Ids[^before..];
        for (int start = 0; start + before < seen.Length; start++)
        {
            if (seen.Slice(start, before).SequenceEqual(last))
                scores[seen[start + before]] = float.NegativeInfinity;
        }
    }
}
