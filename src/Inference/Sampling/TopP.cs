using System.Buffers;

namespace LlmService.Inference.Sampling;

/// <summary>Keeps the fewest best tokens whose probabilities reach a sum; of equals, those with the lower ids.</summary>
internal sealed class TopP(float p) : LogitsProcessor
{
    /// <inheritdoc/>
    public override void Apply(TokenHistory history, Span<float> scores)
    {
        float[] rentedWeights = ArrayPool<float>.Shared.Rent(scores.Length);
        ulong[] candidates = ArrayPool<ulong>.Shared.Rent(scores.Length);
        Span<float> weights = rentedWeights.AsSpan(0, scores.Length);
        double sum = SoftmaxWeights.Compute(scores, weights);

        // 1. All tokens below this share together are less than 1 - p: they go without being sorted.
        double cutoff = (1.0 - p) * sum / scores.Length;
        int count = 0;
        for (int id = 0; id < scores.Length; id++)
        {
            if (weights[id] < cutoff)
                scores[id] = float.NegativeInfinity;
            else
                candidates[count++] = Key(weights[id], id);
        }

        // 2. The rest, best first. The one that reaches the sum is kept.
        candidates.AsSpan(0, count).Sort();
        double before = 0;
        foreach (ulong candidate in candidates.AsSpan(0, count))
        {
            int id = (int)(uint)candidate;
            if (before >= p * sum)
                scores[id] = float.NegativeInfinity;
            before += weights[id];
        }

        ArrayPool<float>.Shared.Return(rentedWeights);
        ArrayPool<ulong>.Shared.Return(candidates);
    }

    /// <summary>Sorts by falling weight, then by rising id. The bits of floats that are not negative are in the order of their values.</summary>
    private static ulong Key(float weight, int id) => ((ulong)~BitConverter.SingleToUInt32Bits(weight) << 32) | (uint)id;
}
