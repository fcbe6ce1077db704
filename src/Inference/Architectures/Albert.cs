using LlmService.Inference.Configuration;

namespace LlmService.Inference.Architectures;

/// <summary>ALBERT (<c>AlbertModel</c>): narrow embeddings that are projected, and layers that share their weights.</summary>
internal static class Albert
{
    public static EncoderConfiguration Read(ConfigReader config)
    {
        config.Require("inner_group_num", "1");
        EncoderConfiguration model = EncoderFields.Read(config, new()
        {
            Prefix = "albert.",
            EmbeddingProjection = "encoder.embedding_hidden_mapping_in",
            Layers = "encoder.albert_layer_groups.",
            Query = "albert_layers.0.attention.query",
            Key = "albert_layers.0.attention.key",
            Value = "albert_layers.0.attention.value",
            Output = "albert_layers.0.attention.dense",
            AttentionNorm = "albert_layers.0.attention.LayerNorm",
            Up = "albert_layers.0.ffn",
            Down = "albert_layers.0.ffn_output",
            FeedForwardNorm = "albert_layers.0.full_layer_layer_norm",
            Pooler = "pooler",
            OtherHeads = ["predictions.", "sop_classifier.", "qa_outputs."],
        });
        return model with
        {
            EmbeddingWidth = config.Integer("embedding_size", 1, 1 << 17) ?? 128,
            SharedGroups = config.Integer("num_hidden_groups", 1, model.LayerCount) ?? 1,
            Classifier = EncoderFields.Classifier(config, "", Activation.Tanh, "classifier"),
        };
    }
}
