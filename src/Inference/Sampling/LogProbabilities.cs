using System.Buffers;
using System.Numerics.Tensors;

namespace LlmService.Inference.Sampling;

/// <summary>Log-probabilities of tokens: the log-softmax of the raw logits, before any processor.</summary>
internal static class LogProbabilities
{
    /// <summary>A token with its log-probability and the most probable alternatives; of equals, those with the lower ids.</summary>
    public static GeneratedToken Of(int id, ReadOnlySpan<float> logits, int alternativeCount)
    {
        double logSum = LogSum(logits);
        return new GeneratedToken(id, (float)(logits[id] - logSum), Best(logits, logSum, Math.Min(alternativeCount, logits.Length)));
    }

    /// <summary>The logarithm of the sum of the exponentials.</summary>
    public static double LogSum(ReadOnlySpan<float> logits)
    {
        float[] rented = ArrayPool<float>.Shared.Rent(logits.Length);
        double sum = SoftmaxWeights.Compute(logits, rented.AsSpan(0, logits.Length));
        ArrayPool<float>.Shared.Return(rented);
        return TensorPrimitives.Max(logits) + Math.Log(sum);
    }

    private static TokenProbability[] Best(ReadOnlySpan<float> logits, double logSum, int count)
    {
        if (count == 0)
            return [];

        // Sorted by insertion: a later token moves only before those that it beats.
        Span<int> best = stackalloc int[count];
        int found = 0;
        for (int id = 0; id < logits.Length; id++)
        {
            if (found == count && logits[id] <= logits[best[count - 1]])
                continue;
            int place = found < count ? found++ : count - 1;
            for (; place > 0 && logits[best[place - 1]] < logits[id]; place--)
                best[place] = best[place - 1];
            best[place] = id;
        }

        var alternatives = new TokenProbability[count];
        for (int i = 0; i < count; i++)
            alternatives[i] = new TokenProbability(best[i], (float)(logits[best[i]] - logSum));
        return alternatives;
    }
}
