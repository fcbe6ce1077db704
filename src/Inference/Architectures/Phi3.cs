using LlmService.Inference.Configuration;

namespace LlmService.Inference.Architectures;

/// <summary>Phi 3, 3.5 and 4 (<c>Phi3ForCausalLM</c>): Llama with fused projections and LongRoPE.</summary>
internal static class Phi3
{
    public static DecoderConfiguration Read(ConfigReader config)
    {
        DecoderConfiguration model = DecoderFields.Read(config, epsilon: ("rms_norm_eps", 1e-5f), rotaryPart: 1);
        return model with
        {
            Windows = DecoderFields.WindowOnAll(config, model.LayerCount),
            Fused = FusedOrder.Stacked,
            Names = Names,
        };
    }

    /// <summary>The names of the fused projections.</summary>
    public static DecoderNames Names { get; } = new() { QueryKeyValue = "self_attn.qkv_proj", GateUp = "mlp.gate_up_proj" };
}
