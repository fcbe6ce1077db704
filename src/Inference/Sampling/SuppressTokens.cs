namespace LlmService.Inference.Sampling;

/// <summary>Masks tokens.</summary>
internal sealed class SuppressTokens(IReadOnlyList<int> ids) : LogitsProcessor
{
    /// <inheritdoc/>
    public override void Apply(TokenHistory history, Span<float> scores) => Mask(ids, scores);
}
