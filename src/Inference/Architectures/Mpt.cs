using LlmService.Inference.Configuration;

namespace LlmService.Inference.Architectures;

/// <summary>MPT (<c>MptForCausalLM</c>): biases by distance in place of positions, no other biases, one fused projection. <c>expansion_ratio</c> does not count in the reference.</summary>
internal static class Mpt
{
    public static DecoderConfiguration Read(ConfigReader config)
    {
        ConfigReader fields = config.Naming(("hidden_size", "d_model"), ("num_attention_heads", "n_heads"), ("num_hidden_layers", "n_layers"), ("max_position_embeddings", "max_seq_len"));
        config.Require("no_bias", "true");
        config.Require("logit_scale");
        DecoderConfiguration model = DecoderFields.Read(fields, tied: true, epsilon: ("layer_norm_epsilon", 1e-5f), activation: "gelu", inner: 4, turns: false);
        ConfigReader? attention = config.Object("attn_config");
        attention?.Require("qk_ln", "false");
        attention?.Require("prefix_lm", "false");
        attention?.Require("attn_uses_sequence_id", "false");
        attention?.Require("attn_type", "multihead_attention");
        return model with
        {
            Alibi = new(attention?.Integer("alibi_bias_max", 1, 1024) ?? 8, InterleavesRest: true),
            Norm = NormKind.LayerWithoutBias,
            IsGated = false,
            Fused = FusedOrder.Stacked,
            InputLimit = attention?.Number("clip_qkv", 1e-6, 1e6),
            AttentionScale = attention?.Number("softmax_scale", 1e-6, 1e6),
            Names = new()
            {
                Prefix = "transformer.",
                Embeddings = "transformer.wte",
                Layers = "transformer.blocks.",
                FinalNorm = "transformer.norm_f",
                AttentionNorm = "norm_1",
                FeedForwardNorm = "norm_2",
                QueryKeyValue = "attn.Wqkv",
                Output = "attn.out_proj",
                Up = "ffn.up_proj",
                Down = "ffn.down_proj",
            },
        };
    }
}
