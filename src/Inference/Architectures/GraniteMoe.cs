using LlmService.Inference.Configuration;

namespace LlmService.Inference.Architectures;

/// <summary>Granite with experts (<c>GraniteMoeForCausalLM</c>), all of a layer in one tensor.</summary>
internal static class GraniteMoe
{
    public static DecoderConfiguration Read(ConfigReader config)
    {
        config.Require("position_embedding_type", "rope");
        DecoderConfiguration model = Granite.Read(config);
        return model with
        {
            FeedForwardBias = false,
            Experts = new()
            {
                Count = config.Integer("num_local_experts", 1, 4096) ?? 8,
                PerToken = config.Integer("num_experts_per_tok", 1, 4096) ?? 2,
                IntermediateSize = model.IntermediateSize,
                IsSparse = [.. Enumerable.Repeat(true, model.LayerCount)],
                Layout = ExpertLayout.Stacked,
                RouterName = "block_sparse_moe.router.layer",
                Experts = "block_sparse_moe.",
                Gate = "input_linear",
                Down = "output_linear",
            },
        };
    }
}
