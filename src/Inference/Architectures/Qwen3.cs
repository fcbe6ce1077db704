using LlmService.Inference.Configuration;

namespace LlmService.Inference.Architectures;

/// <summary>Qwen 3 (<c>Qwen3ForCausalLM</c>, and the base model as an embedder): Llama with a norm of each query and key head; windows as in Qwen 2.</summary>
internal static class Qwen3
{
    public static DecoderConfiguration Read(ConfigReader config) =>
        Qwen2.WithWindows(config, Llama.WithBiases(config, DecoderFields.Read(config, defaultKeyValueHeads: 32, headSize: 128)) with { HeadNorm = HeadNormKind.Rms, FeedForwardBias = false });
}
