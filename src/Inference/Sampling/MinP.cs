using System.Buffers;

namespace LlmService.Inference.Sampling;

/// <summary>Keeps the tokens that have at least a share of the best token's probability.</summary>
internal sealed class MinP(float share) : LogitsProcessor
{
    /// <inheritdoc/>
    public override void Apply(TokenHistory history, Span<float> scores)
    {
        float[] rented = ArrayPool<float>.Shared.Rent(scores.Length);
        Span<float> weights = rented.AsSpan(0, scores.Length);
        SoftmaxWeights.Compute(scores, weights);
        // The best token has weight 1.
        DropBelow(share, weights, scores);
        ArrayPool<float>.Shared.Return(rented);
    }
}
