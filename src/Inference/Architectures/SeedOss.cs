using LlmService.Inference.Configuration;

namespace LlmService.Inference.Architectures;

/// <summary>Seed-OSS (<c>SeedOssForCausalLM</c>): Llama with biases on queries, keys and values.</summary>
internal static class SeedOss
{
    public static DecoderConfiguration Read(ConfigReader config) => DecoderFields.Read(config, defaultKeyValueHeads: 8, headSize: 128) with
    {
        InputBias = config.Boolean("attention_bias") ?? true,
        OutputBias = config.Boolean("attention_out_bias") ?? false,
        FeedForwardBias = config.Boolean("mlp_bias") ?? false,
    };
}
