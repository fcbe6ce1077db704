namespace LlmService.Inference.Execution;

/// <summary>How large a model's cache is.</summary>
internal static class CacheSizing
{
    private const long LargestDefaultBytes = 2L << 30;

    /// <summary>Makes the cache: of the size asked for, else of a quarter of the memory up to 2 GiB, and at least one whole context.</summary>
    public static KvCache Create(IReadOnlyList<CacheLayer> layers, EngineOptions options, int context, int promptLength)
    {
        int longestRow = Math.Max(context, options.PrefillChunkTokens);
        long whole = new KvCache(layers, 0, longestRow).BytesFor(context, promptLength);
        long available = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        if (whole > available)
        {
            throw new InferenceException(InferenceFailure.OutOfMemory, $"One context of {context} tokens needs {whole >> 20} MiB of cache; {available >> 20} MiB of memory are available.")
            {
                Remedy = "Choose a smaller context with --max-model-len.",
            };
        }
        return new KvCache(layers, options.KvCacheBytes ?? Math.Max(whole, Math.Min(LargestDefaultBytes, available / 4)), longestRow);
    }
}
