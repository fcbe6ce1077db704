using LlmService.Inference.Configuration;

namespace LlmService.Inference.Architectures;

/// <summary>GPT-2 (<c>GPT2LMHeadModel</c>): learned positions, layer norms, one fused projection, weights stored along their outputs.</summary>
internal static class Gpt2
{
    /// <summary>The usual fields by the names of the GPT family.</summary>
    public static ConfigReader Fields(ConfigReader config) => config.Naming(("hidden_size", "n_embd"), ("num_attention_heads", "n_head"), ("num_hidden_layers", "n_layer"),
        ("max_position_embeddings", "n_positions"), ("intermediate_size", "n_inner"), ("hidden_act", "activation_function"));

    /// <summary>The names of the tensors that GPT-2, GPT-Neo, GPT-J and GPT-BigCode share.</summary>
    public static DecoderNames Names { get; } = new()
    {
        Prefix = "transformer.",
        Embeddings = "transformer.wte",
        Positions = "transformer.wpe",
        Layers = "transformer.h.",
        FinalNorm = "transformer.ln_f",
        AttentionNorm = "ln_1",
        FeedForwardNorm = "ln_2",
        QueryKeyValue = "attn.c_attn",
        Output = "attn.c_proj",
        Up = "mlp.c_fc",
        Down = "mlp.c_proj",
        Buffers = ["attn.bias", "attn.masked_bias", "attn.attention.bias", "attn.attention.masked_bias", "rotary_emb.inv_freq"],
    };

    public static DecoderConfiguration Read(ConfigReader config)
    {
        config.Require("add_cross_attention", "false");
        return Learned(config, "gelu_new") with { IsTransposed = true, DividesScoresByLayer = config.Boolean("scale_attn_by_inverse_layer_idx") ?? false };
    }

    /// <summary>What GPT-2 and GPT-BigCode share.</summary>
    public static DecoderConfiguration Learned(ConfigReader config, string activation)
    {
        ConfigReader fields = Fields(config);
        DecoderConfiguration model = DecoderFields.Read(fields, tied: true, epsilon: ("layer_norm_epsilon", 1e-5f), activation: activation, inner: 4, turns: false);
        int positions = fields.Integer("max_position_embeddings", 1, 1 << 24) ?? 1024;
        return model with
        {
            ContextLength = positions,
            LearnedPositions = positions,
            Norm = NormKind.Layer,
            AttentionScale = config.Boolean("scale_attn_weights") == false ? 1 : null,
            InputBias = true,
            OutputBias = true,
            FeedForwardBias = true,
            IsGated = false,
            Fused = FusedOrder.Stacked,
            Names = Names,
        };
    }
}
