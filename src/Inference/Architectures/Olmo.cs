using LlmService.Inference.Configuration;

namespace LlmService.Inference.Architectures;

/// <summary>OLMo (<c>OlmoForCausalLM</c>): norms without weights; queries, keys and values may be cut.</summary>
internal static class Olmo
{
    public static DecoderConfiguration Read(ConfigReader config) => Llama.WithBiases(config, DecoderFields.Read(config)) with
    {
        Norm = NormKind.LayerWithoutWeights,
        NormEpsilon = 1e-5f,
        InputLimit = config.Number("clip_qkv", 1e-6, 1e6),
        FeedForwardBias = false,
    };
}
