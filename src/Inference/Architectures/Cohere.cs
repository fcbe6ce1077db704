using LlmService.Inference.Configuration;

namespace LlmService.Inference.Architectures;

/// <summary>Command R (<c>CohereForCausalLM</c>): attention and feed-forward side by side, norms without biases, neighbouring numbers turn together, scaled logits.</summary>
internal static class Cohere
{
    public static DecoderConfiguration Read(ConfigReader config)
    {
        bool bias = config.Boolean("attention_bias") ?? false;
        return DecoderFields.Read(config, tied: true, epsilon: ("layer_norm_eps", 1e-5f), isInterleaved: true) with
        {
            Norm = NormKind.LayerWithoutBias,
            Shape = LayerShape.Parallel,
            InputBias = bias,
            OutputBias = bias,
            HeadNorm = config.Boolean("use_qk_norm") == true ? HeadNormKind.LayerOfHeads : HeadNormKind.None,
            LogitScale = config.Number("logit_scale", 1e-6, 1e6) ?? 0.0625f,
        };
    }
}
