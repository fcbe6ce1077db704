using LlmService.Inference.Architectures;
using LlmService.Inference.Configuration;
using LlmService.Inference.Embeddings;
using LlmService.Inference.Weights;
using LlmService.Inference.Weights.Tiles;

namespace LlmService.Inference.Execution;

/// <summary>Makes a <see cref="ModelRunner"/> from a model folder.</summary>
internal static class ModelLoader
{
    /// <summary>Maps the weights, checks every tensor, and builds the forward pass.</summary>
    /// <exception cref="InferenceException">Missing, damaged, unknown or too large.</exception>
    public static ModelRunner Load(string folder, ModelConfiguration configuration, EngineOptions options)
    {
        WeightChoice weights = options.Weights ?? WeightFiles.Preferred(folder);
        Checkpoint checkpoint = Checkpoint.Open(folder, weights);
        try
        {
            if (configuration.Float8 is { } float8)
                checkpoint.JoinScales(float8);
            ComputeFormat? format = options.ExactOnnxArithmetic ? ComputeFormat.F32 : options.Format;
            MemoryNeed need = MemoryNeed.Of(configuration, weights, checkpoint.StoredBytes, format, options.MaxModelLength, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes, options.ExactOnnxArithmetic);
            need.Require(folder);
            checkpoint.Expect(() => NamesOf(configuration, options));
            EngineOptions chosen = options with { Format = need.Format };
            if (options.TileCache is { } cache && need.Format is ComputeFormat.Q8 or ComputeFormat.Q4 && need.WeightBytes >= cache.SmallestModelBytes)
                checkpoint.Tiles = TileStore.Open(cache, folder, weights.FilesIn(folder), chosen);
            ModelRunner runner = Build(configuration, checkpoint, chosen);
            checkpoint.Tiles?.Keep();
            // What was converted is not read again; its pages need not count as this process's memory.
            checkpoint.ReleasePages();
            return runner;
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }
    }

    /// <summary>The names of all tensors that a model asks for.</summary>
    private static IReadOnlyCollection<string> NamesOf(ModelConfiguration configuration, EngineOptions options)
    {
        Checkpoint outline = Checkpoint.Outline();
        using ModelRunner runner = Build(configuration, outline, options with { Format = ComputeFormat.F32, KvCacheBytes = 0, MaxModelLength = 1 });
        return [.. outline.Used.Select(tensor => tensor.Name)];
    }

    /// <summary>Builds the forward pass over weights. The runner owns the checkpoint.</summary>
    /// <param name="configuration">The model.</param>
    /// <param name="checkpoint">Its weights, or their outline.</param>
    /// <param name="options">Options with a format.</param>
    public static ModelRunner Build(ModelConfiguration configuration, Checkpoint checkpoint, EngineOptions options) =>
        configuration.IsEmbedder ? new EmbeddingModelRunner(configuration, checkpoint, options)
        : configuration.T5 is { } t5 ? EncoderDecoderModelRunner.Of(t5, checkpoint, options)
        : configuration.Bart is { } bart ? EncoderDecoderModelRunner.Of(bart, checkpoint, options)
        : configuration.Decoder is { } decoder ? new DecoderModelRunner(decoder, configuration.ModelType, checkpoint, options)
        : throw new InvalidOperationException($"no architecture for '{configuration.ModelType}'");
}
