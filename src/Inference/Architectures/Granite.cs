using LlmService.Inference.Configuration;

namespace LlmService.Inference.Architectures;

/// <summary>Granite (<c>GraniteForCausalLM</c>): Llama with factors on embeddings, scores, residuals and logits.</summary>
internal static class Granite
{
    public static DecoderConfiguration Read(ConfigReader config) => Llama.WithBiases(config, DecoderFields.Read(config)) with
    {
        EmbeddingScale = config.Number("embedding_multiplier", 1e-6, 1e6) ?? 1,
        AttentionScale = config.Number("attention_multiplier", 1e-6, 1e6) ?? 1,
        ResidualScale = config.Number("residual_multiplier", 1e-6, 1e6) ?? 1,
        LogitScale = 1 / (config.Number("logits_scaling", 1e-6, 1e6) ?? 1),
    };
}
