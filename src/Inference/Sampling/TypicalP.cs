using System.Buffers;

namespace LlmService.Inference.Sampling;

/// <summary>Keeps the tokens whose surprise is nearest to the expected one, until their probabilities reach a sum (Meister et al. 2022).</summary>
internal sealed class TypicalP(float mass) : LogitsProcessor
{
    /// <inheritdoc/>
    public override void Apply(TokenHistory history, Span<float> scores)
    {
        float[] rentedWeights = ArrayPool<float>.Shared.Rent(scores.Length);
        float[] rentedDistances = ArrayPool<float>.Shared.Rent(scores.Length);
        Span<float> weights = rentedWeights.AsSpan(0, scores.Length);
        Span<float> distances = rentedDistances.AsSpan(0, scores.Length);

        // 1. How far the surprise of each token is from the entropy.
        double sum = SoftmaxWeights.Compute(scores, weights);
        double entropy = SoftmaxWeights.Entropy(weights, sum);
        for (int id = 0; id < scores.Length; id++)
            distances[id] = (float)Math.Abs(-Math.Log(weights[id] / sum) - entropy);

        // 2. The distance at which the sum is reached; that of equals is not known to be sorted, so all of them stay.
        float[] rentedSorted = ArrayPool<float>.Shared.Rent(scores.Length);
        Span<float> sorted = rentedSorted.AsSpan(0, scores.Length);
        distances.CopyTo(sorted);
        sorted.Sort(weights);
        double reached = 0;
        int last = 0;
        for (; last < sorted.Length - 1; last++)
        {
            reached += weights[last];
            if (reached >= mass * sum)
                break;
        }

        float limit = sorted[last];
        for (int id = 0; id < scores.Length; id++)
        {
            if (distances[id] > limit)
                scores[id] = float.NegativeInfinity;
        }

        ArrayPool<float>.Shared.Return(rentedWeights);
        ArrayPool<float>.Shared.Return(rentedDistances);
        ArrayPool<float>.Shared.Return(rentedSorted);
    }
}
