namespace LlmService.Inference.Architectures;

/// <summary>Qwen 2 and 2.5 (<c>Qwen2ForCausalLM</c>): Llama with biases on queries, keys and values; a window only where it is switched on.</summary>
internal static class Qwen2
{
    public static readonly DecoderTraits Traits = new() { ModelType = "qwen2", AlwaysInputBias = true, DefaultKeyValueHeads = 32, Window = WindowRule.UpperLayersOnRequest };
}
