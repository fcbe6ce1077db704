using LlmService.Inference.Configuration;

namespace LlmService.Inference.Architectures;

/// <summary>HunYuan dense (<c>HunYuanDenseV1ForCausalLM</c>): Llama with norms of queries and keys behind the rotation, and a base that grows by a fixed factor.</summary>
internal static class HunYuan
{
    public static DecoderConfiguration Read(ConfigReader config)
    {
        float? alpha = config.Object("rope_scaling")?.Number("alpha", 0, 1e9);
        DecoderConfiguration model = Llama.WithBiases(config, DecoderFields.Read(config, epsilon: ("rms_norm_eps", 1e-5f)));
        return model with
        {
            HeadNorm = HeadNormKind.RmsAfterRotation,
            FeedForwardBias = false,
            Names = new() { QueryNorm = "self_attn.query_layernorm", KeyNorm = "self_attn.key_layernorm" },
            Rotary = alpha > 0 && model.Rotary[0]!.Scaling is DynamicScaling ? DecoderFields.Repeat(Grown(model, alpha.Value), model.LayerCount) : model.Rotary,
        };
    }

    private static RotaryConfiguration Grown(DecoderConfiguration model, float alpha) =>
        model.Rotary[0]! with { Theta = (float)(model.Rotary[0]!.Theta * Math.Pow(alpha, model.HeadSize / (model.HeadSize - 2.0))), Scaling = null };
}
