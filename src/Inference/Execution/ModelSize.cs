using LlmService.Inference.Configuration;
using LlmService.Inference.Kernels;
using LlmService.Inference.Weights;

namespace LlmService.Inference.Execution;

/// <summary>How large a model is, told from its configuration alone: the same code that loads it asks for every tensor, and gets its shape.</summary>
public sealed record ModelSize
{
    /// <summary>Numbers in all tensors.</summary>
    public required long ParameterCount { get; init; }

    /// <summary>Bytes that the weights take when they are held in a format. <see cref="ComputeFormat.F32"/> is missing: there they stay as they are stored.</summary>
    public required IReadOnlyDictionary<ComputeFormat, long> WeightBytes { get; init; }

    /// <summary>Bytes of cache for each further token, where no layer slides. A model that reads texts whole has no cache: there it is what the buffers of a pass take.</summary>
    public required IReadOnlyDictionary<ComputeFormat, long> CacheBytesPerToken { get; init; }

    /// <summary>Bytes of the buffers of a pass over a whole chunk of a prompt, and of those that do not depend on the pass.</summary>
    public required long ActivationBytes { get; init; }

    /// <summary>Measures a model.</summary>
    /// <param name="configuration">The model.</param>
    /// <param name="exactOnnx">Whether it computes as <see cref="EngineOptions.ExactOnnxArithmetic"/> says.</param>
    public static ModelSize Of(ModelConfiguration configuration, bool exactOnnx = false)
    {
        using WorkerPool workers = new(1);
        Dictionary<ComputeFormat, long> bytes = [];
        long parameters = 0, perToken = 0, constant = 0;
        long numbers = configuration.CacheLayers.Where(layer => layer.Kind is not CacheKind.Cross and not CacheKind.State).Sum(layer => (long)layer.FloatsPerToken);
        foreach (ComputeFormat format in new[] { ComputeFormat.Bf16, ComputeFormat.Q8, ComputeFormat.Q4 })
        {
            EngineOptions options = new() { Workers = workers, Format = format, KvCacheBytes = 0, MaxModelLength = 1, ExactOnnxArithmetic = exactOnnx };
            using ModelRunner runner = ModelLoader.Build(configuration, Checkpoint.Outline(), options);
            bytes[format] = runner.Model.WeightBytes;
            parameters = runner.Model.ParameterCount;
            (perToken, constant) = (sizeof(float) * runner.ActivationsPerToken, sizeof(float) * runner.ConstantActivations);
        }
        return new()
        {
            ParameterCount = parameters,
            WeightBytes = bytes,
            CacheBytesPerToken = Enum.GetValues<ComputeFormat>().ToDictionary(
                format => format, format => configuration.IsEmbedder ? perToken : numbers * (CacheSizing.IsHalf(format) ? sizeof(ushort) : sizeof(float))),
            ActivationBytes = constant + (configuration.IsEmbedder ? 0 : EngineOptions.DefaultPrefillChunkTokens * perToken),
        };
    }
}
