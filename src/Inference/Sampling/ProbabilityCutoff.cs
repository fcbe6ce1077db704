using System.Buffers;

namespace LlmService.Inference.Sampling;

/// <summary>Keeps the tokens of at least a probability (epsilon), or of at least one that falls as the entropy rises (eta; Hewitt et al. 2022). The best token stays.</summary>
/// <param name="epsilon">The probability.</param>
/// <param name="followsEntropy">Whether it falls with the entropy.</param>
internal sealed class ProbabilityCutoff(float epsilon, bool followsEntropy) : LogitsProcessor
{
    /// <inheritdoc/>
    public override void Apply(TokenHistory history, Span<float> scores)
    {
        float[] rented = ArrayPool<float>.Shared.Rent(scores.Length);
        Span<float> weights = rented.AsSpan(0, scores.Length);
        double sum = SoftmaxWeights.Compute(scores, weights);
        double cutoff = followsEntropy ? Math.Min(epsilon, Math.Sqrt(epsilon) * Math.Exp(-SoftmaxWeights.Entropy(weights, sum))) : epsilon;
        for (int id = 0; id < scores.Length; id++)
        {
            // The best token has weight 1.
            if (weights[id] < cutoff * sum && weights[id] < 1)
                scores[id] = float.NegativeInfinity;
        }

        ArrayPool<float>.Shared.Return(rented);
    }
}
