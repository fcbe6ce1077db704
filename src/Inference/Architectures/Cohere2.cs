using LlmService.Inference.Configuration;

namespace LlmService.Inference.Architectures;

/// <summary>Command R7B (<c>Cohere2ForCausalLM</c>): Cohere in which three of four layers slide and turn, and the fourth does neither.</summary>
internal static class Cohere2
{
    public static DecoderConfiguration Read(ConfigReader config)
    {
        DecoderConfiguration model = Cohere.Read(config);
        int pattern = config.Integer("sliding_window_pattern", 1, 1 << 16) ?? config.Integer("_sliding_window_pattern", 1, 1 << 16) ?? 4;
        int[] windows = DecoderFields.WindowsWhere(config, model.LayerCount, i => (i + 1) % pattern != 0, 4096);
        return model with { Windows = windows, Rotary = [.. windows.Select((window, i) => window > 0 ? model.Rotary[i] : null)] };
    }
}
