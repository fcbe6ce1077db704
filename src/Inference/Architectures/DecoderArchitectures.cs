using LlmService.Inference.Configuration;

namespace LlmService.Inference.Architectures;

/// <summary>The decoder-only architectures, by <c>model_type</c>.</summary>
internal static class DecoderArchitectures
{
    public static IReadOnlyDictionary<string, Func<ConfigReader, DecoderConfiguration>> All { get; } = new Dictionary<string, Func<ConfigReader, DecoderConfiguration>>(StringComparer.Ordinal)
    {
        ["llama"] = Llama.Read,
        ["mistral"] = Mistral.Read,
        ["qwen2"] = Qwen2.Read,
        ["qwen3"] = Qwen3.Read,
        ["phi"] = Phi.Read,
        ["phi3"] = Phi3.Read,
        ["gemma"] = Gemma.Read,
        ["gemma2"] = Gemma2.Read,
        ["gemma3_text"] = Gemma3.Read,
        ["gpt2"] = Gpt2.Read,
        ["gpt_neox"] = GptNeoX.Read,
        ["gpt_neo"] = GptNeo.Read,
        ["gptj"] = GptJ.Read,
        ["opt"] = Opt.Read,
        ["bloom"] = Bloom.Read,
        ["falcon"] = Falcon.Read,
        ["starcoder2"] = Starcoder2.Read,
        ["stablelm"] = StableLm.Read,
        ["olmo"] = Olmo.Read,
        ["olmo2"] = Olmo2.Read,
        ["granite"] = Granite.Read,
        ["smollm3"] = SmolLm3.Read,
        ["cohere"] = Cohere.Read,
        ["cohere2"] = Cohere2.Read,
        ["glm"] = Glm.Read,
        ["glm4"] = Glm4.Read,
        ["nemotron"] = Nemotron.Read,
        ["exaone4"] = Exaone4.Read,
        ["ernie4_5"] = Ernie45.Read,
        ["seed_oss"] = SeedOss.Read,
        ["hunyuan_v1_dense"] = HunYuan.Read,
        ["gpt_bigcode"] = GptBigCode.Read,
        ["mpt"] = Mpt.Read,
        ["lfm2"] = Lfm2.Read,
        ["mixtral"] = Mixtral.Read,
        ["qwen2_moe"] = Qwen2Moe.Read,
        ["qwen3_moe"] = Qwen3Moe.Read,
        ["granitemoe"] = GraniteMoe.Read,
        ["gpt_oss"] = GptOss.Read,
        ["deepseek_v3"] = DeepSeekV3.Read,
    };
}
