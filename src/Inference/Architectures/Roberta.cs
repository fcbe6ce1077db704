using LlmService.Inference.Configuration;

namespace LlmService.Inference.Architectures;

/// <summary>RoBERTa and XLM-RoBERTa (<c>RobertaModel</c>, <c>XLMRobertaModel</c>): BERT whose positions are counted from the padding id.</summary>
internal static class Roberta
{
    public static EncoderConfiguration Read(ConfigReader config)
    {
        EncoderConfiguration model = EncoderFields.Read(config, new() { Prefix = "roberta.", Pooler = "pooler.dense", Distances = "attention.self.distance_embedding" });
        return EncoderFields.CountedFromPadding(config, model, config.Integer("pad_token_id", 0, model.VocabularySize - 1) ?? 1) with { Classifier = EncoderFields.Classifier(config, "classifier.dense", Activation.Tanh, "classifier.out_proj") };
    }
}
