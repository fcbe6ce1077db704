namespace LlmService.Inference.Architectures;

/// <summary>Mistral (<c>MistralForCausalLM</c>): Llama with a sliding window on every layer, unless <c>sliding_window</c> is null.</summary>
internal static class Mistral
{
    public static readonly DecoderTraits Traits = new() { ModelType = "mistral", DefaultKeyValueHeads = 8, Window = WindowRule.EveryLayer };
}
