using LlmService.Inference.Configuration;

namespace LlmService.Inference.Architectures;

/// <summary>ELECTRA (<c>ElectraModel</c>): BERT with narrower embeddings that are projected where their width differs, and without a pooler.</summary>
internal static class Electra
{
    public static EncoderConfiguration Read(ConfigReader config)
    {
        EncoderConfiguration model = EncoderFields.Read(config, new() { Prefix = "electra.", EmbeddingProjection = "embeddings_project", Distances = "attention.self.distance_embedding", OtherHeads = ["discriminator_predictions.", "generator_"] });
        int width = config.Integer("embedding_size", 1, 1 << 17) ?? 128;
        return model with
        {
            EmbeddingWidth = width == model.HiddenSize ? null : width,
            Classifier = EncoderFields.Classifier(config, "classifier.dense", Activation.Gelu, "classifier.out_proj"),
        };
    }
}
