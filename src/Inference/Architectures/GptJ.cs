using LlmService.Inference.Configuration;

namespace LlmService.Inference.Architectures;

/// <summary>GPT-J (<c>GPTJForCausalLM</c>): attention and feed-forward side by side behind one norm; neighbouring numbers turn together, in a part of each head.</summary>
internal static class GptJ
{
    public static DecoderConfiguration Read(ConfigReader config)
    {
        ConfigReader fields = Gpt2.Fields(config);
        DecoderConfiguration model = DecoderFields.Read(fields, epsilon: ("layer_norm_epsilon", 1e-5f), activation: "gelu_new", inner: 4, turns: false);
        int turning = config.Mentions("rotary_dim") ? config.Integer("rotary_dim", 2, model.HeadSize) ?? model.HeadSize : Math.Min(64, model.HeadSize);
        DecoderFields.Require(turning % 2 == 0, config, "rotary_dim", $"is {turning}; an even count was expected");
        return model with
        {
            Rotary = DecoderFields.Repeat(new() { Theta = 10000, Dimensions = turning, IsInterleaved = true }, model.LayerCount),
            Norm = NormKind.Layer,
            Shape = LayerShape.Parallel,
            FeedForwardBias = true,
            HeadBias = true,
            IsGated = false,
            Names = Gpt2.Names with { Query = "attn.q_proj", Key = "attn.k_proj", Value = "attn.v_proj", Output = "attn.out_proj", Up = "mlp.fc_in", Down = "mlp.fc_out" },
        };
    }
}
