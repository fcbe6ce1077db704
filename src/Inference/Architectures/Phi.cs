using LlmService.Inference.Configuration;

namespace LlmService.Inference.Architectures;

/// <summary>Phi 1, 1.5 and 2 (<c>PhiForCausalLM</c>): attention and feed-forward side by side behind one norm, biases everywhere, half of each head turns.</summary>
internal static class Phi
{
    public static DecoderConfiguration Read(ConfigReader config) =>
        DecoderFields.Read(config, epsilon: ("layer_norm_eps", 1e-5f), activation: "gelu_new", rotaryPart: 0.5f) with
        {
            Norm = NormKind.Layer,
            Shape = LayerShape.Parallel,
            InputBias = true,
            OutputBias = true,
            FeedForwardBias = true,
            HeadBias = true,
            HeadNorm = config.Boolean("qk_layernorm") == true ? HeadNormKind.Layer : HeadNormKind.None,
            IsGated = false,
            Names = new()
            {
                FinalNorm = "model.final_layernorm",
                Output = "self_attn.dense",
                QueryNorm = "self_attn.q_layernorm",
                KeyNorm = "self_attn.k_layernorm",
                Up = "mlp.fc1",
                Down = "mlp.fc2",
            },
        };
}
