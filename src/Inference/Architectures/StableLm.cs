using LlmService.Inference.Configuration;

namespace LlmService.Inference.Architectures;

/// <summary>StableLM (<c>StableLmForCausalLM</c>): layer norms, a quarter of each head turns, norms of each query and key head where they are switched on.</summary>
internal static class StableLm
{
    public static DecoderConfiguration Read(ConfigReader config) =>
        DecoderFields.Read(config, epsilon: ("layer_norm_eps", 1e-5f), rotaryPart: 0.25f) with
        {
            Norm = NormKind.Layer,
            Shape = config.Boolean("use_parallel_residual") == true ? LayerShape.Parallel : LayerShape.NormBefore,
            InputBias = config.Boolean("use_qkv_bias") ?? false,
            HeadNorm = config.Boolean("qk_layernorm") == true ? HeadNormKind.LayerOfNamedHeads : HeadNormKind.None,
            Names = new() { QueryNorm = "self_attn.q_layernorm", KeyNorm = "self_attn.k_layernorm" },
        };
}
