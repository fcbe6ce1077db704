using LlmService.Inference.Configuration;

namespace LlmService.Inference.Architectures;

/// <summary>Qwen 2 and 2.5 (<c>Qwen2ForCausalLM</c>): Llama with biases on queries, keys and values; a window only where it is switched on.</summary>
internal static class Qwen2
{
    public static DecoderConfiguration Read(ConfigReader config) => WithWindows(config, DecoderFields.Read(config, defaultKeyValueHeads: 32) with { InputBias = true });

    /// <summary>The window on the layers from <c>max_window_layers</c> on, and only with <c>use_sliding_window</c>.</summary>
    public static DecoderConfiguration WithWindows(ConfigReader config, DecoderConfiguration model)
    {
        int full = config.Integer("max_window_layers", 0, int.MaxValue) ?? 28;
        return model with { Windows = DecoderFields.WindowsWhere(config, model.LayerCount, i => i >= full, 4096, config.Boolean("use_sliding_window") ?? false) };
    }
}
