using LlmService.Inference.Configuration;

namespace LlmService.Inference.Execution;

/// <summary>Makes a <see cref="ModelRunner"/> from a model folder.</summary>
internal static class ModelLoader
{
    /// <summary>Maps the weights, checks every tensor, and builds the forward pass.</summary>
    /// <exception cref="InferenceException">Missing, damaged, unknown or too large.</exception>
    public static ModelRunner Load(string folder, ModelConfiguration configuration, EngineOptions options) => throw new NotSupportedException();
}
