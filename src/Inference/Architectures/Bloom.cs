using LlmService.Inference.Configuration;

namespace LlmService.Inference.Architectures;

/// <summary>BLOOM (<c>BloomForCausalLM</c>): biases by distance in place of positions, a norm of the embeddings, one projection fused by head.</summary>
internal static class Bloom
{
    public static DecoderConfiguration Read(ConfigReader config)
    {
        ConfigReader fields = config.Naming(("hidden_size", "n_embed"), ("num_attention_heads", "n_head"), ("num_hidden_layers", "n_layer"));
        DecoderConfiguration model = DecoderFields.Read(fields, tied: true, epsilon: ("layer_norm_epsilon", 1e-5f), activation: "gelu_new", inner: 4, turns: false);
        return model with
        {
            NormsEmbeddings = true,
            Alibi = new(),
            Shape = config.Boolean("apply_residual_connection_post_layernorm") == true ? LayerShape.NormFirst : LayerShape.NormBefore,
            Norm = NormKind.Layer,
            InputBias = true,
            OutputBias = true,
            FeedForwardBias = true,
            IsGated = false,
            Fused = FusedOrder.ByHead,
            Names = Names with { EmbeddingNorm = "transformer.word_embeddings_layernorm" },
        };
    }

    /// <summary>The names that BLOOM and Falcon share.</summary>
    public static DecoderNames Names { get; } = new()
    {
        Prefix = "transformer.",
        Embeddings = "transformer.word_embeddings",
        Layers = "transformer.h.",
        FinalNorm = "transformer.ln_f",
        QueryKeyValue = "self_attention.query_key_value",
        Output = "self_attention.dense",
        Up = "mlp.dense_h_to_4h",
        Down = "mlp.dense_4h_to_h",
    };
}
