namespace LlmService.Inference.Sampling;

/// <summary>Masks the end tokens until the answer has so many tokens.</summary>
internal sealed class MinTokens(int count, IReadOnlyList<int> endTokenIds) : LogitsProcessor
{
    /// <inheritdoc/>
    public override void Apply(TokenHistory history, Span<float> scores)
    {
        if (history.Answer.Length < count)
            Mask(endTokenIds, scores);
    }
}
