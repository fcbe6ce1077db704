namespace LlmService.Inference.Sampling;

/// <summary>Masks the end tokens until the decoder has read so many tokens, the prompt of a decoder-only model among them.</summary>
internal sealed class MinLength(int length, IReadOnlyList<int> endTokenIds) : LogitsProcessor
{
    /// <inheritdoc/>
    public override void Apply(TokenHistory history, Span<float> scores)
    {
        if (history.Ids.Length < length)
            Mask(endTokenIds, scores);
    }
}
