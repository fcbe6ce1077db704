using LlmService.Inference.Configuration;

namespace LlmService.Inference.Architectures;

/// <summary>GPT-NeoX, Pythia (<c>GPTNeoXForCausalLM</c>): queries, keys and values fused by head, a quarter of each head turns, blocks side by side or in turn.</summary>
internal static class GptNeoX
{
    public static DecoderConfiguration Read(ConfigReader config)
    {
        ConfigReader fields = config.Naming(("rope_theta", "rotary_emb_base"), ("partial_rotary_factor", "rotary_pct"));
        bool bias = config.Boolean("attention_bias") ?? true;
        return DecoderFields.Read(fields, epsilon: ("layer_norm_eps", 1e-5f), activation: "gelu", rotaryPart: 0.25f) with
        {
            Norm = NormKind.Layer,
            Shape = config.Boolean("use_parallel_residual") ?? true ? LayerShape.ParallelTwoNorms : LayerShape.NormBefore,
            InputBias = bias,
            OutputBias = bias,
            FeedForwardBias = true,
            IsGated = false,
            Fused = FusedOrder.ByHead,
            Names = new()
            {
                Prefix = "gpt_neox.",
                Embeddings = "gpt_neox.embed_in",
                Layers = "gpt_neox.layers.",
                FinalNorm = "gpt_neox.final_layer_norm",
                Head = "embed_out",
                QueryKeyValue = "attention.query_key_value",
                Output = "attention.dense",
                Up = "mlp.dense_h_to_4h",
                Down = "mlp.dense_4h_to_h",
                Buffers = ["attention.bias", "attention.masked_bias", "attention.rotary_emb.inv_freq"],
            },
        };
    }
}
