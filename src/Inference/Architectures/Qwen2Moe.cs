using LlmService.Inference.Configuration;

namespace LlmService.Inference.Architectures;

/// <summary>Qwen 1.5 and 2 with experts (<c>Qwen2MoeForCausalLM</c>): Qwen 2 with routed experts and a gated one that all tokens take.</summary>
internal static class Qwen2Moe
{
    public static DecoderConfiguration Read(ConfigReader config)
    {
        DecoderConfiguration model = DecoderFields.Read(config, defaultKeyValueHeads: 16) with { InputBias = config.Boolean("qkv_bias") ?? true };
        ExpertConfiguration experts = Routed(config, model.LayerCount, count: 60, perToken: 4, inner: 1408);
        return model with
        {
            Windows = Windows(config, model.LayerCount),
            Experts = experts with { SharedSize = config.Integer("shared_expert_intermediate_size", 1, 1 << 20) ?? 5632, IsSharedGated = true },
        };
    }

    /// <summary>The window of the Qwens with experts: on all layers, and only with <c>use_sliding_window</c>.</summary>
    public static int[] Windows(ConfigReader config, int layers) => DecoderFields.WindowOnAll(config, layers, 4096, config.Boolean("use_sliding_window") ?? false);

    /// <summary>What the experts of the Qwens share.</summary>
    public static ExpertConfiguration Routed(ConfigReader config, int layers, int count, int perToken, int inner) => new()
    {
        Count = config.Integer("num_experts", 1, 4096) ?? count,
        PerToken = config.Integer("num_experts_per_tok", 1, 4096) ?? perToken,
        IntermediateSize = config.Integer("moe_intermediate_size", 1, 1 << 20) ?? inner,
        IsSparse = DecoderFields.SparseLayers(config, layers),
        Router = RouterKind.SoftmaxOfAll,
        Normalizes = config.Boolean("norm_topk_prob") ?? false,
    };
}
