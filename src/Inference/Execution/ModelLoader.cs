using LlmService.Inference.Architectures;
using LlmService.Inference.Configuration;
using LlmService.Inference.Weights;

namespace LlmService.Inference.Execution;

/// <summary>Makes a <see cref="ModelRunner"/> from a model folder.</summary>
internal static class ModelLoader
{
    /// <summary>Maps the weights, checks every tensor, and builds the forward pass.</summary>
    /// <exception cref="InferenceException">Missing, damaged, unknown or too large.</exception>
    public static ModelRunner Load(string folder, ModelConfiguration configuration, EngineOptions options)
    {
        Checkpoint checkpoint = Checkpoint.Open(folder, options.Weights ?? WeightFiles.Preferred(folder));
        try
        {
            if (configuration.Float8 is { } float8)
                checkpoint.JoinScales(float8);
            RequireMemory(folder, checkpoint.StoredBytes, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes);
            return configuration.T5 is { } t5 ? new T5ModelRunner(t5, checkpoint, options)
                : configuration.Decoder is { } decoder ? new DecoderModelRunner(decoder, configuration.ModelType, checkpoint, options)
                : throw new InvalidOperationException($"no architecture for '{configuration.ModelType}'");
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }
    }

    /// <summary>Refuses weights that would be read from the disk again and again: a mapping larger than the memory works, at the speed of the disk.</summary>
    internal static void RequireMemory(string folder, long weightBytes, long availableBytes)
    {
        if (weightBytes <= availableBytes)
            return;
        throw new InferenceException(InferenceFailure.OutOfMemory, $"The weights of '{folder}' take {weightBytes >> 20} MiB; the process may use {availableBytes >> 20} MiB of memory.")
        {
            File = folder,
            Remedy = "Choose a smaller model, or give the machine or the container more memory.",
        };
    }
}
