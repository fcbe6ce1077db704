using LlmService.Inference.Configuration;

namespace LlmService.Inference.Architectures;

/// <summary>ERNIE 4.5 (<c>Ernie4_5ForCausalLM</c>): Llama whose neighbouring numbers turn together.</summary>
internal static class Ernie45
{
    public static DecoderConfiguration Read(ConfigReader config)
    {
        bool bias = config.Boolean("use_bias") ?? false;
        return DecoderFields.Read(config, defaultKeyValueHeads: 2, tied: true, epsilon: ("rms_norm_eps", 1e-5f), theta: 500000, isInterleaved: true, headSize: 128) with
        {
            InputBias = bias,
            OutputBias = bias,
            FeedForwardBias = bias,
        };
    }
}
