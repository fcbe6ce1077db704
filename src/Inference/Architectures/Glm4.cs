using LlmService.Inference.Configuration;

namespace LlmService.Inference.Architectures;

/// <summary>GLM 4-0414 (<c>Glm4ForCausalLM</c>): GLM with norms around both blocks.</summary>
internal static class Glm4
{
    public static DecoderConfiguration Read(ConfigReader config)
    {
        DecoderConfiguration model = Glm.Read(config);
        return model with { Shape = LayerShape.NormAround, Names = model.Names with { AttentionOuterNorm = "post_self_attn_layernorm", FeedForwardOuterNorm = "post_mlp_layernorm" } };
    }
}
