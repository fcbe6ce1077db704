using LlmService.Inference.Configuration;

namespace LlmService.Inference.Architectures;

/// <summary>gpt-oss (<c>GptOssForCausalLM</c>): experts with bounded gates and biases, a score for each head that gives nothing, a window on every second layer.</summary>
internal static class GptOss
{
    // What the reference takes where the file is silent.
    private static readonly YarnScaling Published = new()
    {
        Factor = 32,
        OriginalContext = 4096,
        FastBeta = 32,
        SlowBeta = 1,
        Truncates = false,
        AttentionFactor = YarnScaling.Growth(32, 1),
    };

    public static DecoderConfiguration Read(ConfigReader config)
    {
        DecoderConfiguration model = DecoderFields.Read(config, defaultKeyValueHeads: 8, epsilon: ("rms_norm_eps", 1e-5f), theta: 150000, headSize: 64);
        config.Require("hidden_act", "silu");
        config.Require("swiglu_alpha", "1.702");
        bool bias = config.Boolean("attention_bias") ?? true;
        return model with
        {
            InputBias = bias,
            OutputBias = bias,
            HasSinks = true,
            Rotary = config.Mentions("rope_scaling") || config.Mentions("rope_parameters") ? model.Rotary : DecoderFields.Repeat(model.Rotary[0]! with { Scaling = Published }, model.LayerCount),
            Windows = DecoderFields.WindowsWhere(config, model.LayerCount, i => i % 2 == 0, 128),
            Experts = new()
            {
                Count = config.Integer("num_local_experts", 1, 4096) ?? 128,
                PerToken = config.Integer("num_experts_per_tok", 1, 4096) ?? config.Integer("experts_per_token", 1, 4096) ?? 4,
                IntermediateSize = model.IntermediateSize,
                IsSparse = [.. Enumerable.Repeat(true, model.LayerCount)],
                Layout = ExpertLayout.StackedTransposed,
                HasBias = true,
                ClampLimit = config.Number("swiglu_limit", 1e-3, 1e6) ?? 7,
                RouterName = "mlp.router",
                Experts = "mlp.experts.",
                Gate = "gate_up_proj",
            },
        };
    }
}
