namespace LlmService.Inference.Configuration;

/// <summary>What a decoder-only architecture calls its tensors. Those of a layer stand behind its prefix; <c>.weight</c> and <c>.bias</c> are left out.</summary>
internal sealed record DecoderNames
{
    /// <summary>A prefix that some files have before all names but the head's, and others not.</summary>
    public string Prefix { get; init; } = "model.";
    public string Embeddings { get; init; } = "model.embed_tokens";
    public string Positions { get; init; } = "";
    public string EmbeddingNorm { get; init; } = "";
    public string ProjectionIn { get; init; } = "";
    public string ProjectionOut { get; init; } = "";

    /// <summary>The layers, before their number.</summary>
    public string Layers { get; init; } = "model.layers.";
    public string FinalNorm { get; init; } = "model.norm";
    public string Head { get; init; } = "lm_head";

    /// <summary>The norm of attention: before it, or where the shape of the layers has it.</summary>
    public string AttentionNorm { get; init; } = "input_layernorm";

    /// <summary>The second one, of <see cref="LayerShape.NormAround"/>.</summary>
    public string AttentionOuterNorm { get; init; } = "";
    public string FeedForwardNorm { get; init; } = "post_attention_layernorm";
    public string FeedForwardOuterNorm { get; init; } = "";

    public string Query { get; init; } = "self_attn.q_proj";
    public string Key { get; init; } = "self_attn.k_proj";
    public string Value { get; init; } = "self_attn.v_proj";

    /// <summary>The tensor that holds all three, where there is one.</summary>
    public string QueryKeyValue { get; init; } = "";
    public string Output { get; init; } = "self_attn.o_proj";
    public string QueryNorm { get; init; } = "self_attn.q_norm";
    public string KeyNorm { get; init; } = "self_attn.k_norm";

    public string Gate { get; init; } = "mlp.gate_proj";
    public string Up { get; init; } = "mlp.up_proj";

    /// <summary>The tensor that holds gate and up, where there is one.</summary>
    public string GateUp { get; init; } = "";
    public string Down { get; init; } = "mlp.down_proj";
    public string Convolution { get; init; } = "conv";

    /// <summary>Tensors that may be there and are not needed: buffers that are computed.</summary>
    public IReadOnlyList<string> Buffers { get; init; } = ["rotary_emb.inv_freq"];
}
