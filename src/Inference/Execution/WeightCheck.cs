using LlmService.Inference.Configuration;

namespace LlmService.Inference.Execution;

/// <summary>Looks at the weights of a folder as a load does, and lets go of them: every tensor's name, shape and type, and that all fits into memory.</summary>
public static class WeightCheck
{
    /// <summary>Maps the weights and checks them against config.json. Only small tensors such as norms are read.</summary>
    /// <exception cref="InferenceException">What <see cref="LlmEngine.Load"/> would throw for the same weights.</exception>
    public static ModelDescription Run(string folder, ModelConfiguration configuration, EngineOptions options)
    {
        using ModelRunner runner = ModelLoader.Load(folder, configuration, options with { TileCache = null });
        return runner.Model;
    }
}
