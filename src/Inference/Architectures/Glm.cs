using LlmService.Inference.Configuration;

namespace LlmService.Inference.Architectures;

/// <summary>GLM 4 of 9 B (<c>GlmForCausalLM</c>): half of each head turns, by neighbours; gate and up in one tensor.</summary>
internal static class Glm
{
    public static DecoderConfiguration Read(ConfigReader config) =>
        DecoderFields.Read(config, defaultKeyValueHeads: 2, epsilon: ("rms_norm_eps", 1.5625e-07f), rotaryPart: 0.5f, isInterleaved: true, headSize: 128) with
        {
            InputBias = config.Boolean("attention_bias") ?? false,
            Names = new() { GateUp = "mlp.gate_up_proj" },
        };
}
