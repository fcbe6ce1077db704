using LlmService.Inference.Configuration;

namespace LlmService.Inference.Architectures;

/// <summary>ModernBERT (<c>ModernBertModel</c>): turning heads, gated feed-forward, norms before the blocks but the very first, a window on two of three layers.</summary>
internal static class ModernBert
{
    public static EncoderConfiguration Read(ConfigReader config)
    {
        config.Require("position_embedding_type", "absolute", "sans_pos");
        int hidden = config.RequiredInteger("hidden_size", 1, 1 << 17), heads = config.RequiredInteger("num_attention_heads", 1, 4096), layers = config.RequiredInteger("num_hidden_layers", 1, 1024);
        DecoderFields.Require(hidden % (2 * heads) == 0, config, "hidden_size", $"{hidden} is not a multiple of twice num_attention_heads {heads}");
        int every = config.Integer("global_attn_every_n_layers", 1, 1024) ?? 3;
        int[] windows = DecoderFields.WindowsWhere(config.Naming(("sliding_window", "local_attention")), layers, i => i % every != 0, 128);
        bool attentionBias = config.Boolean("attention_bias") ?? false;
        RotaryConfiguration far = RotaryConfiguration.Read(config.Naming(("rope_theta", "global_rope_theta")), hidden / heads, "full_attention", 160000);
        RotaryConfiguration near = RotaryConfiguration.Read(config.Naming(("rope_theta", "local_rope_theta")), hidden / heads, "sliding_attention", config.Mentions("local_rope_theta") ? far.Theta : 10000);
        string pooling = config.Text("classifier_pooling") ?? "cls";
        if (pooling is not ("cls" or "mean"))
            throw config.Unsupported("classifier_pooling", pooling, "cls, mean");
        Activation activation = Activations.Parse(config, "hidden_activation", config.Text("hidden_activation") ?? "gelu");
        return new()
        {
            ModelType = "modernbert",
            VocabularySize = config.RequiredInteger("vocab_size", 1, 1 << 24),
            HiddenSize = hidden,
            IntermediateSize = config.RequiredInteger("intermediate_size", 1, 1 << 20),
            LayerCount = layers,
            HeadCount = heads,
            ContextLength = config.Integer("max_position_embeddings", 1, 1 << 24) ?? 8192,
            NormEpsilon = config.Number("norm_eps", 0, 1) ?? 1e-5f,
            Activation = activation,
            Names = new() { Prefix = "model.", OtherHeads = ["decoder.", "head."] },
            Modern = new(attentionBias, config.Boolean("mlp_bias") ?? false, config.Boolean("norm_bias") ?? false,
                windows, [.. windows.Select(window => window == 0 ? far : near)]),
            Classifier = EncoderFields.Classifier(config, "head.dense", Activations.Parse(config, "classifier_activation", config.Text("classifier_activation") ?? "gelu"), "classifier",
                config.Boolean("classifier_bias") ?? false, "head.norm", pooling == "mean"),
        };
    }
}
