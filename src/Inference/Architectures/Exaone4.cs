using LlmService.Inference.Configuration;

namespace LlmService.Inference.Architectures;

/// <summary>EXAONE 4 (<c>Exaone4ForCausalLM</c>): norms behind the blocks and of each query and key head; where some layers slide, the others do not turn.</summary>
internal static class Exaone4
{
    public static DecoderConfiguration Read(ConfigReader config)
    {
        DecoderConfiguration model = DecoderFields.Read(config, epsilon: ("rms_norm_eps", 1e-5f));
        // Files that list their layers may have letters for a pattern (LLLG), which then means nothing.
        int pattern = config.Has("layer_types") ? 1 : config.Integer("sliding_window_pattern", 1, 1 << 16) ?? 4;
        int[] windows = DecoderFields.WindowsWhere(config, model.LayerCount, i => (i + 1) % pattern != 0, 4096);
        bool slides = !config.Mentions("sliding_window") || config.Has("sliding_window");
        return model with
        {
            Shape = LayerShape.NormAfter,
            HeadNorm = HeadNormKind.Rms,
            Windows = windows,
            Names = Olmo2.NamesBehind,
            Rotary = [.. windows.Select((own, i) => slides && own == 0 ? null : model.Rotary[i])],
        };
    }
}
