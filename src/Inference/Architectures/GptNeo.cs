using LlmService.Inference.Configuration;

namespace LlmService.Inference.Architectures;

/// <summary>GPT-Neo (<c>GPTNeoForCausalLM</c>): learned positions, scores that are not scaled, a window on the local layers.</summary>
internal static class GptNeo
{
    public static DecoderConfiguration Read(ConfigReader config)
    {
        ConfigReader fields = config.Naming(("num_attention_heads", "num_heads"), ("num_hidden_layers", "num_layers"), ("hidden_act", "activation_function"));
        DecoderConfiguration model = DecoderFields.Read(fields, tied: true, epsilon: ("layer_norm_epsilon", 1e-5f), activation: "gelu_new", inner: 4, turns: false);
        int window = config.Integer("window_size", 1, 1 << 24) ?? 256, positions = config.Integer("max_position_embeddings", 1, 1 << 24) ?? 2048;
        return model with
        {
            ContextLength = positions,
            LearnedPositions = positions,
            Norm = NormKind.Layer,
            AttentionScale = 1,
            Windows = [.. Kinds(config, model.LayerCount).Select(kind => kind switch
            {
                "local" => window,
                "global" => 0,
                _ => throw config.Unsupported("attention_layers", kind, "global, local"),
            })],
            OutputBias = true,
            FeedForwardBias = true,
            IsGated = false,
            Names = Gpt2.Names with { Query = "attn.attention.q_proj", Key = "attn.attention.k_proj", Value = "attn.attention.v_proj", Output = "attn.attention.out_proj" },
        };
    }

    /// <summary>The kind of each layer: <c>attention_layers</c>, or <c>attention_types</c>, which says [[kinds, how often], …].</summary>
    private static IReadOnlyList<string> Kinds(ConfigReader config, int layers)
    {
        IReadOnlyList<string> kinds = config.Texts("attention_layers") ?? config.RepeatedTexts("attention_types", layers) ?? [.. Enumerable.Range(0, layers).Select(i => i % 2 == 0 ? "global" : "local")];
        DecoderFields.Require(kinds.Count == layers, config, "attention_layers", $"has {kinds.Count} entries; num_layers says {layers}");
        return kinds;
    }
}
