using LlmService.Inference.Configuration;

namespace LlmService.Inference.Architectures;

/// <summary>Mixtral (<c>MixtralForCausalLM</c>): Mistral with eight experts, of which each token takes two.</summary>
internal static class Mixtral
{
    public static DecoderConfiguration Read(ConfigReader config)
    {
        DecoderConfiguration model = DecoderFields.Read(config, defaultKeyValueHeads: 8, epsilon: ("rms_norm_eps", 1e-5f), theta: 1e6f);
        return model with
        {
            Windows = DecoderFields.WindowOnAll(config, model.LayerCount),
            Experts = new()
            {
                Count = config.Integer("num_local_experts", 1, 4096) ?? 8,
                PerToken = config.Integer("num_experts_per_tok", 1, 4096) ?? 2,
                IntermediateSize = model.IntermediateSize,
                IsSparse = [.. Enumerable.Repeat(true, model.LayerCount)],
                RouterName = "block_sparse_moe.gate",
                Experts = "block_sparse_moe.experts",
                Gate = "w1",
                Up = "w3",
                Down = "w2",
            },
        };
    }
}
