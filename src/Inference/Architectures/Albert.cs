using LlmService.Inference.Configuration;

namespace LlmService.Inference.Architectures;

/// <summary>ALBERT (<c>AlbertModel</c>): narrow embeddings that are projected, and layers that share their weights.</summary>
internal static class Albert
{
    public static EncoderConfiguration Read(ConfigReader config)
    {
        EncoderConfiguration model = EncoderFields.Read(config, new()
        {
            Prefix = "albert.",
            EmbeddingProjection = "encoder.embedding_hidden_mapping_in",
            Layers = "encoder.albert_layer_groups.",
            Inner = "albert_layers.",
            Query = "attention.query",
            Key = "attention.key",
            Value = "attention.value",
            Output = "attention.dense",
            AttentionNorm = "attention.LayerNorm",
            Up = "ffn",
            Down = "ffn_output",
            FeedForwardNorm = "full_layer_layer_norm",
            Pooler = "pooler",
            Distances = "attention.distance_embedding",
            OtherHeads = ["predictions.", "sop_classifier.", "qa_outputs."],
        }, activation: "gelu_new");
        return model with
        {
            EmbeddingWidth = config.Integer("embedding_size", 1, 1 << 17) ?? 128,
            SharedGroups = config.Integer("num_hidden_groups", 1, model.LayerCount) ?? 1,
            GroupSize = config.Integer("inner_group_num", 1, 1024) ?? 1,
            Classifier = EncoderFields.Classifier(config, "", Activation.Tanh, "classifier"),
        };
    }
}
