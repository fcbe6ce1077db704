using LlmService.Inference.Configuration;

namespace LlmService.Inference.Architectures;

/// <summary>MPNet (<c>MPNetModel</c>): RoBERTa with a bias by distance that all layers share, and without token types.</summary>
internal static class MpNet
{
    // Whatever pad_token_id says, the reference counts from here.
    private const int PaddingTokenId = 1;

    public static EncoderConfiguration Read(ConfigReader config)
    {
        EncoderConfiguration model = EncoderFields.Read(config, new()
        {
            Prefix = "mpnet.",
            Query = "attention.attn.q",
            Key = "attention.attn.k",
            Value = "attention.attn.v",
            Output = "attention.attn.o",
            AttentionNorm = "attention.LayerNorm",
            Pooler = "pooler.dense",
        });
        return EncoderFields.CountedFromPadding(config, model, PaddingTokenId) with
        {
            TypeCount = 0,
            RelativeBuckets = config.Integer("relative_attention_num_buckets", 4, 1 << 16) ?? 32,
            Classifier = EncoderFields.Classifier(config, "classifier.dense", Activation.Tanh, "classifier.out_proj"),
        };
    }
}
