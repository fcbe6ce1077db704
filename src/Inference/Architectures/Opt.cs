using LlmService.Inference.Configuration;

namespace LlmService.Inference.Architectures;

/// <summary>OPT (<c>OPTForCausalLM</c>): learned positions from row 2 on; the 350 M model norms after its blocks and has narrower embeddings.</summary>
internal static class Opt
{
    public static DecoderConfiguration Read(ConfigReader config)
    {
        ConfigReader fields = config.Naming(("intermediate_size", "ffn_dim"), ("hidden_act", "activation_function"));
        DecoderConfiguration model = DecoderFields.Read(fields, tied: true, epsilon: ("layer_norm_eps", 1e-5f), activation: "relu", turns: false);
        int positions = config.Integer("max_position_embeddings", 1, 1 << 24) ?? 2048;
        int? width = config.Integer("word_embed_proj_dim", 1, 1 << 17);
        bool isBefore = config.Boolean("do_layer_norm_before") ?? true, bias = config.Boolean("enable_bias") ?? true;
        return model with
        {
            ContextLength = positions,
            LearnedPositions = positions,
            PositionOffset = 2,
            EmbeddingWidth = width == model.HiddenSize ? null : width,
            Norm = config.Boolean("layer_norm_elementwise_affine") ?? true ? NormKind.Layer : NormKind.LayerWithoutWeights,
            Shape = isBefore ? LayerShape.NormBefore : LayerShape.NormJoined,
            HasFinalNorm = isBefore && config.Boolean("_remove_final_layer_norm") != true,
            InputBias = bias,
            OutputBias = bias,
            FeedForwardBias = bias,
            IsGated = false,
            Names = new()
            {
                Embeddings = "model.decoder.embed_tokens",
                Positions = "model.decoder.embed_positions",
                ProjectionIn = "model.decoder.project_in",
                ProjectionOut = "model.decoder.project_out",
                Layers = "model.decoder.layers.",
                FinalNorm = "model.decoder.final_layer_norm",
                AttentionNorm = "self_attn_layer_norm",
                FeedForwardNorm = "final_layer_norm",
                Output = "self_attn.out_proj",
                Up = "fc1",
                Down = "fc2",
                Buffers = ["version"],
            },
        };
    }
}
