using LlmService.Inference.Configuration;

namespace LlmService.Inference.Architectures;

/// <summary>Gemma 3, text only (<c>Gemma3ForCausalLM</c>): Gemma 2 with normed queries and keys in place of caps, and another rotary base on sliding layers.</summary>
internal static class Gemma3
{
    private const int DefaultPattern = 6;

    public static DecoderConfiguration Read(ConfigReader config)
    {
        DecoderConfiguration model = DecoderFields.Read(config, defaultKeyValueHeads: 4, tied: true, theta: 1e6f, headSize: 256, rotaryKind: "full_attention");
        int pattern = config.Integer("sliding_window_pattern", 1, 1 << 16) ?? config.Integer("_sliding_window_pattern", 1, 1 << 16) ?? DefaultPattern;
        DecoderConfiguration around = Gemma2.Around(config, model, i => (i + 1) % pattern != 0);
        RotaryConfiguration full = model.Rotary[0]!, sliding = Sliding(config, model.HeadSize);
        return around with
        {
            HeadNorm = HeadNormKind.RmsPlusOne,
            // attn_logit_softcapping is a field of the reference that its attention does not look at.
            LogitCap = config.CapOrDefault("final_logit_softcapping", 0),
            Rotary = [.. around.Windows.Select(window => window > 0 ? sliding : full)],
        };
    }

    private static RotaryConfiguration Sliding(ConfigReader config, int size) =>
        config.Object("rope_parameters")?.Has("sliding_attention") == true ? RotaryConfiguration.Read(config, size, "sliding_attention")
        : new() { Theta = config.Number("rope_local_base_freq", 1e-3, 1e12) ?? 10000 };
}
