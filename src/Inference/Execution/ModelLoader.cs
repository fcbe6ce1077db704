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
        Checkpoint checkpoint = Checkpoint.Open(folder);
        try
        {
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

    /// <summary>The name of a stored precision.</summary>
    public static string NameOf(TensorType type) => type switch
    {
        TensorType.F32 => "f32",
        TensorType.F16 => "f16",
        TensorType.Bf16 => "bf16",
        _ => throw new InvalidOperationException($"unknown tensor type {type}"),
    };
}
