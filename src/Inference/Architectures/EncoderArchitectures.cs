using LlmService.Inference.Configuration;

namespace LlmService.Inference.Architectures;

/// <summary>The encoders, by <c>model_type</c>.</summary>
internal static class EncoderArchitectures
{
    public static IReadOnlyDictionary<string, Func<ConfigReader, EncoderConfiguration>> All { get; } = new Dictionary<string, Func<ConfigReader, EncoderConfiguration>>(StringComparer.Ordinal)
    {
        ["bert"] = Bert.Read,
        ["roberta"] = Roberta.Read,
        ["xlm-roberta"] = Roberta.Read,
        ["mpnet"] = MpNet.Read,
        ["distilbert"] = DistilBert.Read,
        ["albert"] = Albert.Read,
        ["electra"] = Electra.Read,
        ["deberta-v2"] = Deberta.Read,
        ["modernbert"] = ModernBert.Read,
    };
}
