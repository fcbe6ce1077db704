using LlmService.Inference.Configuration;

namespace LlmService.Inference.Architectures;

/// <summary>BERT (<c>BertModel</c>, <c>BertForSequenceClassification</c>): learned positions, token types, norms behind each sum.</summary>
internal static class Bert
{
    public static EncoderConfiguration Read(ConfigReader config) => EncoderFields.Read(config, new() { Prefix = "bert.", Pooler = "pooler.dense", Distances = "attention.self.distance_embedding" }) with
    {
        Classifier = EncoderFields.Classifier(config, "", Activation.Tanh, "classifier"),
    };
}
