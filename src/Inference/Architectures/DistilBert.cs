using LlmService.Inference.Configuration;

namespace LlmService.Inference.Architectures;

/// <summary>DistilBERT (<c>DistilBertModel</c>): BERT without token types and pooler.</summary>
internal static class DistilBert
{
    public static EncoderConfiguration Read(ConfigReader config)
    {
        ConfigReader fields = config.Naming(("hidden_size", "dim"), ("num_attention_heads", "n_heads"), ("num_hidden_layers", "n_layers"), ("intermediate_size", "hidden_dim"), ("hidden_act", "activation"));
        return EncoderFields.Read(fields, new()
        {
            Prefix = "distilbert.",
            Layers = "transformer.layer.",
            Query = "attention.q_lin",
            Key = "attention.k_lin",
            Value = "attention.v_lin",
            Output = "attention.out_lin",
            AttentionNorm = "sa_layer_norm",
            Up = "ffn.lin1",
            Down = "ffn.lin2",
            FeedForwardNorm = "output_layer_norm",
            OtherHeads = ["vocab_", "qa_outputs."],
        }) with
        {
            TypeCount = 0,
            NormEpsilon = 1e-12f,
            Classifier = EncoderFields.Classifier(config, "pre_classifier", Activation.Relu, "classifier"),
        };
    }
}
