using LlmService.Inference.Configuration;

namespace LlmService.Inference.Architectures;

/// <summary>DeepSeek V3 (<c>DeepseekV3ForCausalLM</c>): queries, keys and values out of small vectors; experts in groups, chosen by sigmoids.</summary>
internal static class DeepSeekV3
{
    public static DecoderConfiguration Read(ConfigReader config)
    {
        config.Require("scoring_func", "sigmoid");
        config.Require("topk_method", "noaux_tc");
        LatentConfiguration latent = new(
            config.Mentions("q_lora_rank") ? config.Integer("q_lora_rank", 1, 1 << 17) : 1536, config.Integer("kv_lora_rank", 1, 1 << 17) ?? 512,
            config.Integer("qk_nope_head_dim", 1, 4096) ?? 128, config.Integer("qk_rope_head_dim", 2, 4096) ?? 64, config.Integer("v_head_dim", 1, 4096) ?? 128);
        int size = latent.PlainSize + latent.RotarySize;
        DecoderFields.Require(latent.RotarySize % 2 == 0, config, "qk_rope_head_dim", $"is {latent.RotarySize}; an even count was expected");
        // head_dim of these files is that of the turning part.
        DecoderConfiguration model = DecoderFields.Read(config.Naming(("head_dim", "qk_head_dim")), turns: false, headSize: size);
        RotaryConfiguration rotary = RotaryConfiguration.Read(config, latent.RotarySize) with { IsInterleaved = config.Boolean("rope_interleave") ?? true };
        return model with
        {
            Latent = latent,
            DraftLayers = config.Integer("num_nextn_predict_layers", 0, 64) ?? 0,
            HeadSize = Math.Max(size, latent.ValueSize),
            KeyValueHeadCount = model.HeadCount,
            Rotary = DecoderFields.Repeat(rotary, model.LayerCount),
            InputBias = config.Boolean("attention_bias") ?? false,
            AttentionScale = Scale(config, rotary, size),
            Experts = Experts(config, model.LayerCount),
        };
    }

    // Scores grow with a context that YaRN has stretched.
    private static float Scale(ConfigReader config, RotaryConfiguration rotary, int size)
    {
        double growth = rotary.Scaling is YarnScaling yarn && (config.Object("rope_scaling") ?? config.Object("rope_parameters"))?.Number("mscale_all_dim", 0, 1000) is { } all and > 0 ? YarnScaling.Growth(yarn.Factor, all) : 1;
        return (float)(growth * growth / Math.Sqrt(size));
    }

    private static ExpertConfiguration Experts(ConfigReader config, int layers)
    {
        int dense = config.Integer("first_k_dense_replace", 0, 1024) ?? 3, inner = config.Integer("moe_intermediate_size", 1, 1 << 20) ?? 2048;
        int count = config.Integer("n_routed_experts", 1, 4096) ?? 256, groups = config.Integer("n_group", 1, 4096) ?? 8;
        DecoderFields.Require(count % groups == 0, config, "n_routed_experts", $"is {count}, which is not a multiple of n_group {groups}", "n_group");
        return new()
        {
            Count = count,
            PerToken = config.Integer("num_experts_per_tok", 1, count) ?? 8,
            IntermediateSize = inner,
            IsSparse = [.. Enumerable.Range(0, layers).Select(i => i >= dense)],
            Router = RouterKind.Sigmoid,
            Normalizes = config.Boolean("norm_topk_prob") ?? true,
            Scale = config.Number("routed_scaling_factor", 1e-6, 1e6) ?? 2.5f,
            GroupCount = groups,
            GroupsPerToken = config.Integer("topk_group", 1, groups) ?? 4,
            SharedSize = inner * (config.Integer("n_shared_experts", 0, 64) ?? 1),
            Shared = "mlp.shared_experts",
        };
    }
}
