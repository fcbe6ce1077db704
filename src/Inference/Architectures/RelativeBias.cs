using LlmService.Inference.Kernels;
using LlmService.Inference.Weights;

namespace LlmService.Inference.Architectures;

/// <summary>
/// T5's bias by distance: near distances have a bucket each, far ones share buckets that grow logarithmically up to a largest distance
/// (Raffel et al. 2020, section 2.1). In the encoder half of the buckets are for keys after the query.
/// </summary>
internal sealed class RelativeBias : IScoreBias
{
    private readonly float[] _table;
    private readonly int _heads;
    private readonly int[] _before;
    private readonly int[]? _after;

    /// <summary>Makes the bias.</summary>
    /// <param name="table">[buckets, heads].</param>
    /// <param name="buckets">How many buckets.</param>
    /// <param name="maxDistance">From here on all distances share the last bucket.</param>
    /// <param name="bidirectional">Whether keys after the query are seen.</param>
    public RelativeBias(StoredTensor table, int buckets, int maxDistance, bool bidirectional)
    {
        _table = table.ToArray();
        _heads = (int)table.Shape[1];
        int perSide = bidirectional ? buckets / 2 : buckets;
        _before = Buckets(perSide, maxDistance, 0);
        _after = bidirectional ? Buckets(perSide, maxDistance, perSide) : null;
    }

    public float Get(int head, int keyPosition, int queryPosition)
    {
        int distance = queryPosition - keyPosition;
        int[] side = distance >= 0 ? _before : _after ?? throw new InvalidOperationException("a decoder sees no later key");
        return _table[side[Math.Min(Math.Abs(distance), side.Length - 1)] * _heads + head];
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
