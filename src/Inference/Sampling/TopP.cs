using System.Buffers;

namespace LlmService.Inference.Sampling;

/// <summary>Keeps the fewest best tokens whose probabilities reach a sum; of equals, those with the lower ids.</summary>
internal sealed class TopP(float p) : LogitsProcessor
{
    // Weights whose upper halves are equal differ by less than a hundredth; 1 is the largest.
    private const int Buckets = (0x3F80_0000 >> BucketShift) + 1, BucketShift = 16;

    /// <inheritdoc/>
    public override void Apply(TokenHistory history, Span<float> scores)
    {
        float[] rentedWeights = ArrayPool<float>.Shared.Rent(scores.Length);
        double[] rentedSums = ArrayPool<double>.Shared.Rent(Buckets);
        Span<float> weights = rentedWeights.AsSpan(0, scores.Length);
        Span<double> sums = rentedSums.AsSpan(0, Buckets);
        double needed = p * SoftmaxWeights.Compute(scores, weights);

        // 1. The bucket in which the sum is reached: all tokens above it stay, all below it go.
        sums.Clear();
        foreach (float weight in weights)
            sums[BucketOf(weight)] += weight;
        double before = 0;
        int bucket = Buckets - 1;
        while (bucket > 0 && before + sums[bucket] < needed)
            before += sums[bucket--];
        int last = KeepUntil(needed, before, bucket, weights);

        // 2. Of the bucket, the best first. The one that reaches the sum is kept.
        float least = weights[last];
        DropBelow(least, weights, scores);
        for (int id = last + 1, next; (next = weights[id..].IndexOf(least)) >= 0; id++)
        {
            id += next;
            scores[id] = float.NegativeInfinity;
        }

        ArrayPool<float>.Shared.Return(rentedWeights);
        ArrayPool<double>.Shared.Return(rentedSums);
    }

    /// <summary>The last token that is kept, of those in a bucket.</summary>
    private static int KeepUntil(double needed, double before, int bucket, ReadOnlySpan<float> weights)
    {
        int count = 0, last = 0;
        foreach (float weight in weights)
            count += BucketOf(weight) == bucket ? 1 : 0;
        ulong[] candidates = ArrayPool<ulong>.Shared.Rent(count);
        count = 0;
        for (int id = 0; id < weights.Length; id++)
        {
            if (BucketOf(weights[id]) == bucket)
                candidates[count++] = Key(weights[id], id);
        }
        candidates.AsSpan(0, count).Sort();
        foreach (ulong candidate in candidates.AsSpan(0, count))
        {
            last = (int)(uint)candidate;
            before += weights[last];
            if (before >= needed)
                break;
        }
        ArrayPool<ulong>.Shared.Return(candidates);
        return last;
    }

    // What is not a number has no place among the others, and is refused later.
    private static int BucketOf(float weight) => (int)Math.Min(BitConverter.SingleToUInt32Bits(weight) >> BucketShift, Buckets - 1);

    /// <summary>Sorts by falling weight, then by rising id. The bits of floats that are not negative are in the order of their values.</summary>
    private static ulong Key(float weight, int id) => ((ulong)~BitConverter.SingleToUInt32Bits(weight) << 32) | (uint)id;
}
