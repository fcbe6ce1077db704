using System.Globalization;
using LlmService.Inference.Configuration;
using LlmService.Inference.Weights;

namespace LlmService.Inference.Execution;

/// <summary>What a model takes of memory, known before its weights are there.</summary>
public sealed record MemoryNeed
{
    // What the runtime, the code and the small buffers take of themselves.
    private const long ProcessBytes = 88L << 20;

    // A context below this is of no use to anybody.
    private const int SmallestContext = 256;

    /// <summary>How large the model is.</summary>
    public required ModelSize Size { get; init; }

    /// <summary>The format that the weights are held in.</summary>
    public required ComputeFormat Format { get; init; }

    /// <summary>Bytes of the weights in that format.</summary>
    public required long WeightBytes { get; init; }

    /// <summary>The longest sequence in tokens (encoder-decoders: the longest answer).</summary>
    public required int ContextLength { get; init; }

    /// <summary>Bytes of the key/value cache of one such sequence; for a model that reads texts whole, bytes of the buffers of a pass over one.</summary>
    public required long CacheBytes { get; init; }

    /// <summary>Bytes that the process may use: the machine's memory, or what its control group grants.</summary>
    public required long AvailableBytes { get; init; }

    /// <summary>The longest context, up to <see cref="ContextLength"/>, that fits beside the weights; 0 when none does.</summary>
    public required int LongestContext { get; init; }

    /// <summary>Bytes in all: weights, cache, buffers and the process itself.</summary>
    public long TotalBytes => WeightBytes + CacheBytes + OtherBytes;

    private long OtherBytes => Size.ActivationBytes + ProcessBytes;

    /// <summary>Formats in which this context fits, where it does not fit in the present one; the most exact first.</summary>
    public IReadOnlyList<ComputeFormat> FormatsThatFit =>
        [.. Size.WeightBytes.Where(entry => entry.Value < WeightBytes && entry.Value + CacheBytes + OtherBytes <= AvailableBytes).OrderByDescending(entry => entry.Value).Select(entry => entry.Key)];

    /// <summary>Computes the need.</summary>
    /// <param name="configuration">The model.</param>
    /// <param name="weights">Which weights.</param>
    /// <param name="storedBytes">Size of their files.</param>
    /// <param name="format">The format to hold them in; null for the default of the model.</param>
    /// <param name="maxModelLength">The longest context asked for; null takes what config.json says.</param>
    /// <param name="availableBytes">What the process may use.</param>
    /// <param name="exactOnnx">Whether the model computes as <see cref="EngineOptions.ExactOnnxArithmetic"/> says.</param>
    /// <exception cref="InferenceException">OutOfMemory: one block of the cache would be too large to exist.</exception>
    public static MemoryNeed Of(ModelConfiguration configuration, WeightChoice weights, long storedBytes, ComputeFormat? format, int? maxModelLength, long availableBytes, bool exactOnnx = false)
    {
        int context = maxModelLength ?? configuration.ContextTokens;
        int encoder = configuration.EncoderTokens == 0 ? 0 : maxModelLength ?? configuration.EncoderTokens;
        CacheSizing.RequireBlocks(configuration.CacheLayers);
        ModelSize size = ModelSize.Of(configuration, exactOnnx);
        ComputeFormat held = format ?? ComputeFormats.DefaultFor(size.ParameterCount, configuration.EncoderTokens > 0 || configuration.IsEmbedder, weights);
        KvCache cache = new(configuration.CacheLayers, 0, EngineOptions.DefaultPrefillChunkTokens, CacheSizing.IsHalf(held));
        // A pass holds so many tokens in any case, of several texts.
        long BytesFor(int tokens) => configuration.IsEmbedder ? Math.Max(tokens, EngineOptions.DefaultPrefillChunkTokens) * size.CacheBytesPerToken[held] : cache.BytesFor(tokens, Math.Min(encoder, tokens));
        long weightBytes = held == ComputeFormat.F32 ? storedBytes : size.WeightBytes[held];
        return new()
        {
            Size = size,
            Format = held,
            WeightBytes = weightBytes,
            ContextLength = context,
            CacheBytes = configuration.IsEmbedder ? BytesFor(context) : cache.BytesFor(context, encoder),
            AvailableBytes = availableBytes,
            LongestContext = Longest(BytesFor, context, availableBytes - weightBytes - size.ActivationBytes - ProcessBytes),
        };
    }

    /// <summary>Refuses what would not fit, and says what would.</summary>
    /// <param name="model">The model's name, for the message.</param>
    /// <exception cref="InferenceException">OutOfMemory.</exception>
    public void Require(string model)
    {
        if (TotalBytes <= AvailableBytes)
            return;
        List<string> remedies = [];
        if (LongestContext >= SmallestContext)
            remedies.Add(string.Create(CultureInfo.InvariantCulture, $"a context of {LongestContext} tokens (--max-model-len {LongestContext})"));
        remedies.AddRange(FormatsThatFit.Select(format => $"--dtype {ComputeFormats.NameOf(format)}"));
        string fits = remedies.Count == 0 ? "Choose a smaller model or another variant of it (--weights), or give the machine or the container more memory."
            : $"What fits: {string.Join("; or ", remedies)}. Or give the machine or the container more memory.";
        throw new InferenceException(InferenceFailure.OutOfMemory, string.Create(CultureInfo.InvariantCulture,
            $"'{model}' needs {TotalBytes >> 20} MiB: {WeightBytes >> 20} for the weights ({ComputeFormats.NameOf(Format)}), {CacheBytes >> 20} for a context of {ContextLength} tokens, {OtherBytes >> 20} to compute. The process may use {AvailableBytes >> 20} MiB of memory."))
        {
            File = model,
            Remedy = fits,
        };
    }

    // The need grows with the context, so halving finds the last one that fits.
    private static int Longest(Func<int, long> bytesFor, int context, long freeBytes)
    {
        int fits = 0, exceeds = context + 1;
        while (exceeds - fits > 1)
        {
            int middle = fits + ((exceeds - fits) / 2);
            if (bytesFor(middle) <= freeBytes)
                fits = middle;
            else
                exceeds = middle;
        }
        return fits;
    }
}
