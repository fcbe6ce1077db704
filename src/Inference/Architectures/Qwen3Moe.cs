using LlmService.Inference.Configuration;

namespace LlmService.Inference.Architectures;

/// <summary>Qwen 3 with experts (<c>Qwen3MoeForCausalLM</c>).</summary>
internal static class Qwen3Moe
{
    public static DecoderConfiguration Read(ConfigReader config)
    {
        DecoderConfiguration model = Llama.WithBiases(config, DecoderFields.Read(config, defaultKeyValueHeads: 4)) with { HeadNorm = HeadNormKind.Rms, FeedForwardBias = false };
        return model with
        {
            Windows = Qwen2Moe.Windows(config, model.LayerCount),
            Experts = Qwen2Moe.Routed(config, model.LayerCount, count: 128, perToken: 8, inner: 768),
        };
    }
}
