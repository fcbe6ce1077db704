using LlmService.Inference.Configuration;

namespace LlmService.Inference.Architectures;

/// <summary>Falcon (<c>FalconForCausalLM</c>): one key/value head or a few, blocks side by side or in turn, turning heads or biases by distance.</summary>
internal static class Falcon
{
    public static DecoderConfiguration Read(ConfigReader config)
    {
        ConfigReader fields = config.Naming(("hidden_act", "activation"), ("intermediate_size", "ffn_hidden_size"), ("num_key_value_heads", "num_kv_heads"),
            ("num_attention_heads", "n_head"), ("num_hidden_layers", "n_layer"));
        bool isNew = config.Boolean("new_decoder_architecture") ?? false, isSingle = config.Boolean("multi_query") ?? true, bias = config.Boolean("bias") ?? false, alibi = config.Boolean("alibi") ?? false;
        DecoderConfiguration model = DecoderFields.Read(fields, tied: true, epsilon: ("layer_norm_epsilon", 1e-5f), activation: "gelu", inner: 4, turns: !alibi);
        bool isParallel = isNew || (config.Boolean("parallel_attn") ?? true);
        bool twoNorms = isNew && (config.Integer("num_ln_in_parallel_attn", 1, 2) ?? 2) == 2;
        return model with
        {
            KeyValueHeadCount = isNew ? model.KeyValueHeadCount : isSingle ? 1 : model.HeadCount,
            Fused = !isNew && isSingle ? FusedOrder.Stacked : FusedOrder.ByHead,
            Shape = twoNorms ? LayerShape.ParallelTwoNorms : isParallel ? LayerShape.Parallel : LayerShape.NormBefore,
            Norm = NormKind.Layer,
            Alibi = alibi ? new(Rounds: true) : null,
            InputBias = bias,
            OutputBias = bias,
            FeedForwardBias = bias,
            IsGated = false,
            Names = twoNorms ? Bloom.Names with { AttentionNorm = "ln_attn", FeedForwardNorm = "ln_mlp" } : Bloom.Names,
        };
    }
}
