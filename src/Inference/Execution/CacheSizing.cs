using LlmService.Inference.Weights;

namespace LlmService.Inference.Execution;

/// <summary>How large a model's cache is.</summary>
internal static class CacheSizing
{
    private const long LargestDefaultBytes = 2L << 30;

    /// <summary>Makes the cache: of the size asked for, else of a quarter of the memory up to 2 GiB, and at least one whole context.</summary>
    public static KvCache Create(IReadOnlyList<CacheLayer> layers, EngineOptions options, int context, int promptLength, bool prefillsWhole = false)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(context);
        RequireBlocks(layers);
        int longestRow = prefillsWhole ? context : options.LongestRow(context);
        bool isHalf = IsHalf(options);
        long whole = new KvCache(layers, 0, longestRow, isHalf).BytesFor(context, promptLength);
        long available = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        return new KvCache(layers, options.KvCacheBytes ?? Math.Max(whole, Math.Min(LargestDefaultBytes, available / 4)), longestRow, isHalf);
    }

    /// <summary>Whether keys and values are kept as bfloat16: beside weights of so few bits, the half of their bits is not missed.</summary>
    public static bool IsHalf(ComputeFormat? format) => format is ComputeFormat.Q8 or ComputeFormat.Q4;

    /// <summary>Whether an engine keeps keys and values as bfloat16, of heads of an even size.</summary>
    public static bool IsHalf(EngineOptions options) => !options.ExactOnnxArithmetic && IsHalf(options.Format);

    /// <summary>Whether an engine keeps keys and values of heads of this size as bfloat16.</summary>
    public static bool IsHalf(EngineOptions options, int headSize) => IsHalf(options) && !CacheLayer.IsOdd(headSize);

    /// <summary>Refuses layers so wide that a block of them, which is one array, could not be made.</summary>
    public static void RequireBlocks(IReadOnlyList<CacheLayer> layers)
    {
        long floats = layers.Sum(layer => (long)layer.FloatsPerToken) * KvCache.BlockPositions;
        if (floats <= Array.MaxLength)
            return;
        throw new InferenceException(InferenceFailure.OutOfMemory, $"{KvCache.BlockPositions} tokens need {floats * sizeof(float) >> 20} MiB of cache; that is more than one block can hold.")
        {
            Remedy = "Check the numbers of layers and heads in config.json.",
        };
    }
}
