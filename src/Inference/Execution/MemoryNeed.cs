using LlmService.Inference.Configuration;

namespace LlmService.Inference.Execution;

/// <summary>What a model takes of memory, known before its weights are there.</summary>
public sealed record MemoryNeed
{
    /// <summary>Bytes of the weights: files are mapped as they are stored, whatever format the arithmetic runs in.</summary>
    public required long WeightBytes { get; init; }

    /// <summary>The longest sequence in tokens (encoder-decoders: the longest answer).</summary>
    public required int ContextLength { get; init; }

    /// <summary>Bytes of the key/value cache of one such sequence.</summary>
    public required long CacheBytes { get; init; }

    /// <summary>Bytes that the process may use: the machine's memory, or what its control group grants.</summary>
    public required long AvailableBytes { get; init; }

    /// <summary>The longest context, up to <see cref="ContextLength"/>, that fits beside the weights; 0 when none does.</summary>
    public required int LongestContext { get; init; }

    /// <summary>Computes the need.</summary>
    /// <param name="configuration">The model.</param>
    /// <param name="weightBytes">Size of the weight files.</param>
    /// <param name="maxModelLength">The longest context asked for; null takes what config.json says.</param>
    /// <param name="availableBytes">What the process may use.</param>
    /// <exception cref="InferenceException">OutOfMemory: one block of the cache would be too large to exist.</exception>
    public static MemoryNeed Of(ModelConfiguration configuration, long weightBytes, int? maxModelLength, long availableBytes)
    {
        int context = maxModelLength ?? configuration.ContextTokens;
        int encoder = configuration.EncoderTokens == 0 ? 0 : maxModelLength ?? configuration.EncoderTokens;
        CacheSizing.RequireBlocks(configuration.CacheLayers);
        KvCache cache = new(configuration.CacheLayers, 0, EngineOptions.DefaultPrefillChunkTokens);
        return new()
        {
            WeightBytes = weightBytes,
            ContextLength = context,
            CacheBytes = cache.BytesFor(context, encoder),
            AvailableBytes = availableBytes,
            LongestContext = Longest(cache, context, encoder, availableBytes - weightBytes),
        };
    }

    /// <summary>Refuses what the load would refuse, with its words.</summary>
    /// <param name="model">The model's name, for the message.</param>
    /// <exception cref="InferenceException">OutOfMemory.</exception>
    public void Require(string model)
    {
        ModelLoader.RequireMemory(model, WeightBytes, AvailableBytes);
        CacheSizing.RequireMemory(ContextLength, CacheBytes, AvailableBytes);
    }

    // The need grows with the context, so halving finds the last one that fits.
    private static int Longest(KvCache cache, int context, int encoder, long freeBytes)
    {
        int fits = 0, exceeds = context + 1;
        while (exceeds - fits > 1)
        {
            int middle = fits + ((exceeds - fits) / 2);
            if (cache.BytesFor(middle, Math.Min(encoder, middle)) <= freeBytes)
                fits = middle;
            else
                exceeds = middle;
        }
        return fits;
    }
}
