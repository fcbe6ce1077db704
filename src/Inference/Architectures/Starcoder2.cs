using LlmService.Inference.Configuration;

namespace LlmService.Inference.Architectures;

/// <summary>StarCoder 2 (<c>Starcoder2ForCausalLM</c>): layer norms and biases, a plain feed-forward block, a window.</summary>
internal static class Starcoder2
{
    public static DecoderConfiguration Read(ConfigReader config)
    {
        DecoderConfiguration model = DecoderFields.Read(config, defaultKeyValueHeads: 2, tied: true, epsilon: ("norm_epsilon", 1e-5f), activation: "gelu_pytorch_tanh");
        bool bias = config.Boolean("use_bias") ?? true;
        return model with
        {
            Windows = DecoderFields.WindowOnAll(config, model.LayerCount),
            Norm = NormKind.Layer,
            InputBias = bias,
            OutputBias = bias,
            FeedForwardBias = bias,
            IsGated = false,
            Names = new() { Up = "mlp.c_fc", Down = "mlp.c_proj" },
        };
    }
}
