using LlmService.Inference.Kernels;
using LlmService.Inference.Weights;

namespace LlmService.Inference.Blocks;

/// <summary>
/// T5's bias by distance: near distances have a bucket each, far ones share buckets that grow logarithmically up to a largest distance
/// (Raffel et al. 2020, section 2.1). In the encoder half of the buckets are for keys after the query.
/// </summary>
internal sealed class RelativeBias : IScoreBias
{
    // For each head the bias of the distances -farthest … farthest of key less query; those beyond share the ends.
    private readonly float[][] _byDistance;
    private readonly int _farthest;

    /// <summary>Makes the bias.</summary>
    /// <param name="table">[buckets, heads].</param>
    /// <param name="buckets">How many buckets.</param>
    /// <param name="maxDistance">From here on all distances share the last bucket.</param>
    /// <param name="bidirectional">Whether keys after the query are seen.</param>
    public RelativeBias(StoredTensor table, int buckets, int maxDistance, bool bidirectional)
    {
        float[] values = table.ToArray();
        int heads = (int)table.Shape[1], perSide = bidirectional ? buckets / 2 : buckets;
        int[] before = Buckets(perSide, maxDistance, 0);
        // A decoder sees no later key; what stands there is not read.
        int[] after = bidirectional ? Buckets(perSide, maxDistance, perSide) : before;
        _farthest = before.Length - 1;
        _byDistance = [.. Enumerable.Range(0, heads).Select(head => Enumerable.Range(-_farthest, 2 * _farthest + 1)
            .Select(distance => values[(distance <= 0 ? before[-distance] : after[distance]) * heads + head]).ToArray())];
    }

    public void Add(KernelPath path, int head, int firstKey, int query, Span<float> scores)
    {
        float[] table = _byDistance[head];
        int distance = firstKey - query;
        int far = Math.Clamp(-_farthest - distance, 0, scores.Length), near = Math.Clamp(_farthest + 1 - distance, 0, scores.Length);
        ElementKernels.Add(path, scores[..far], table[0]);
        if (near > far)
            ElementKernels.Add(path, scores[far..near], table.AsSpan(distance + far + _farthest, near - far));
        ElementKernels.Add(path, scores[Math.Max(near, far)..], table[^1]);
    }

    // The reference computes the logarithm in floats; so does this, or distances at a border land in the next bucket.
    private static int[] Buckets(int count, int maxDistance, int first)
    {
        int exact = count / 2;
        int[] buckets = new int[Math.Max(maxDistance, exact) + 1];
        float range = (float)Math.Log((double)maxDistance / exact);
        for (int distance = 0; distance < buckets.Length; distance++)
        {
            int bucket = distance < exact
                ? distance
                : Math.Min(count - 1, exact + (int)(MathF.Log((float)distance / exact) / range * (count - exact)));
            buckets[distance] = first + bucket;
        }
        return buckets;
    }
}
