using LlmService.Inference.Configuration;

namespace LlmService.Inference.Architectures;

/// <summary>Mistral (<c>MistralForCausalLM</c>): Llama with a sliding window on every layer, unless <c>sliding_window</c> is null.</summary>
internal static class Mistral
{
    public static DecoderConfiguration Read(ConfigReader config)
    {
        DecoderConfiguration model = DecoderFields.Read(config, defaultKeyValueHeads: 8);
        return model with { Windows = DecoderFields.WindowOnAll(config, model.LayerCount, 4096) };
    }
}
