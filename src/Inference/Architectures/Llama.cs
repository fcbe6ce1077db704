namespace LlmService.Inference.Architectures;

/// <summary>Llama 1 to 3 (<c>LlamaForCausalLM</c>).</summary>
internal static class Llama
{
    public static readonly DecoderTraits Traits = new() { ModelType = "llama", OptionalBiases = true };
}
