using LlmService.Inference.Configuration;

namespace LlmService.Inference.Architectures;

/// <summary>LFM 2 (<c>Lfm2ForCausalLM</c>): short gated convolutions in the place of attention on most layers, norms of queries and keys on the others.</summary>
internal static class Lfm2
{
    public static DecoderConfiguration Read(ConfigReader config)
    {
        ConfigReader fields = config.Naming(("intermediate_size", "block_ff_dim"), ("rope_theta", "theta"));
        DecoderConfiguration model = DecoderFields.Read(fields, defaultKeyValueHeads: 8, tied: config.Boolean("tie_embedding") ?? true, epsilon: ("norm_eps", 1e-5f), theta: 1e6f, otherKind: "conv");
        IReadOnlyList<int>? attending = config.Integers("full_attn_idxs", 0, int.MaxValue, model.LayerCount);
        IReadOnlyList<string>? types = DecoderFields.LayerTypes(config, model.LayerCount);
        return model with
        {
            IntermediateSize = Inner(config, model.IntermediateSize),
            HeadNorm = HeadNormKind.Rms,
            ConvolutionBias = config.Boolean("conv_bias") ?? false,
            ConvolutionLength = config.Integer("conv_L_cache", 2, 1024) ?? 3,
            IsConvolution = [.. Enumerable.Range(0, model.LayerCount).Select(i => types is not null ? types[i] == "conv" : attending is not null && !attending.Contains(i))],
            Names = new()
            {
                FinalNorm = "model.embedding_norm",
                AttentionNorm = "operator_norm",
                FeedForwardNorm = "ffn_norm",
                Output = "self_attn.out_proj",
                QueryNorm = "self_attn.q_layernorm",
                KeyNorm = "self_attn.k_layernorm",
                Gate = "feed_forward.w1",
                Up = "feed_forward.w3",
                Down = "feed_forward.w2",
            },
        };
    }

    /// <summary>Two thirds of the width that the file gives; times a factor, up to a multiple, unless the factor is null.</summary>
    private static int Inner(ConfigReader config, int width)
    {
        if (config.Boolean("block_auto_adjust_ff_dim") == false)
            return width;
        int inner = (int)(2L * width / 3), multiple = config.Integer("block_multiple_of", 1, 1 << 20) ?? 256;
        if (config.Mentions("block_ffn_dim_multiplier") && !config.Has("block_ffn_dim_multiplier"))
            return inner;
        inner = (int)((config.Exact("block_ffn_dim_multiplier", 1e-3, 1e3) ?? 1) * inner);
        return (inner + multiple - 1) / multiple * multiple;
    }
}
