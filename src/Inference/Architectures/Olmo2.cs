using LlmService.Inference.Configuration;

namespace LlmService.Inference.Architectures;

/// <summary>OLMo 2 (<c>Olmo2ForCausalLM</c>): norms behind the blocks, and of all queries and all keys together.</summary>
internal static class Olmo2
{
    public static DecoderConfiguration Read(ConfigReader config) => Llama.WithBiases(config, DecoderFields.Read(config, epsilon: ("rms_norm_eps", 1e-5f))) with
    {
        Shape = LayerShape.NormAfter,
        HeadNorm = HeadNormKind.RmsOfAllHeads,
        FeedForwardBias = false,
        Names = NamesBehind,
    };

    /// <summary>The norms of layers that norm behind their blocks.</summary>
    public static DecoderNames NamesBehind { get; } = new() { AttentionNorm = "post_attention_layernorm", FeedForwardNorm = "post_feedforward_layernorm" };
}
