using LlmService.Inference.Configuration;

namespace LlmService.Inference.Architectures;

/// <summary>Gemma 2 (<c>Gemma2ForCausalLM</c>): Gemma with norms around both blocks, capped scores and logits, and a window on every second layer.</summary>
internal static class Gemma2
{
    public static DecoderConfiguration Read(ConfigReader config)
    {
        DecoderConfiguration model = DecoderFields.Read(config, defaultKeyValueHeads: 4, tied: true, headSize: 256);
        return Around(config, model, i => i % 2 == 0) with
        {
            ScoreCap = config.CapOrDefault("attn_logit_softcapping", 50),
            LogitCap = config.CapOrDefault("final_logit_softcapping", 30),
        };
    }

    /// <summary>What Gemma 2 and 3 share.</summary>
    public static DecoderConfiguration Around(ConfigReader config, DecoderConfiguration model, Func<int, bool> slides) => Gemma.Scaled(config, model, "hidden_activation") with
    {
        Shape = LayerShape.NormAround,
        AttentionScale = 1 / MathF.Sqrt(config.Number("query_pre_attn_scalar", 1e-3, 1e6) ?? 256),
        Windows = DecoderFields.WindowsWhere(config, model.LayerCount, slides, 4096),
        Names = Names,
    };

    /// <summary>The names of the norms around both blocks.</summary>
    public static DecoderNames Names { get; } = new()
    {
        AttentionOuterNorm = "post_attention_layernorm",
        FeedForwardNorm = "pre_feedforward_layernorm",
        FeedForwardOuterNorm = "post_feedforward_layernorm",
    };
}
