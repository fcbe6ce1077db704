using LlmService.Inference.Configuration;

namespace LlmService.Inference.Architectures;

/// <summary>Llama 1 to 3 (<c>LlamaForCausalLM</c>), the pattern that the others are told by.</summary>
internal static class Llama
{
    public static DecoderConfiguration Read(ConfigReader config) => WithBiases(config, DecoderFields.Read(config));

    /// <summary>The biases that <c>attention_bias</c> and <c>mlp_bias</c> switch on.</summary>
    public static DecoderConfiguration WithBiases(ConfigReader config, DecoderConfiguration model)
    {
        bool bias = config.Boolean("attention_bias") ?? false;
        return model with { InputBias = bias, OutputBias = bias, FeedForwardBias = config.Boolean("mlp_bias") ?? false };
    }
}
