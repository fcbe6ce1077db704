using LlmService.Inference.Configuration;

namespace LlmService.Inference.Architectures;

/// <summary>Mistral (<c>MistralForCausalLM</c>): Llama with a sliding window on every layer, unless <c>sliding_window</c> is null.</summary>
internal static class Mistral
{
    // What the reference takes where the field is missing; null switches the window off.
    private const int DefaultWindow = 4096;

    public static DecoderConfiguration Read(ConfigReader config)
    {
        DecoderConfiguration model = DecoderFields.Read(config, defaultKeyValueHeads: 8);
        return model with { Windows = DecoderFields.WindowsWhere(config, model.LayerCount, _ => true, config.Mentions("sliding_window") ? 0 : DefaultWindow) };
    }
}
