using LlmService.Inference.Configuration;

namespace LlmService.Inference.Architectures;

/// <summary>GPT-BigCode, StarCoder 1 (<c>GPTBigCodeForCausalLM</c>): GPT-2 with one key/value head for all queries.</summary>
internal static class GptBigCode
{
    public static DecoderConfiguration Read(ConfigReader config)
    {
        DecoderConfiguration model = Gpt2.Learned(config, "gelu_pytorch_tanh");
        bool isSingle = config.Boolean("multi_query") ?? true;
        return model with { KeyValueHeadCount = isSingle ? 1 : model.HeadCount, Fused = isSingle ? FusedOrder.Stacked : FusedOrder.ByHead };
    }
}
