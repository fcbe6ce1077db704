using LlmService.Inference.Architectures;
using LlmService.Inference.Execution;

namespace LlmService.Inference.Configuration;

/// <summary>The sizes and switches of a decoder-only model of the Llama kind: RMS norms before the blocks, rotary positions, grouped queries, gated feed-forward.</summary>
internal sealed record DecoderConfiguration
{
    public required int VocabularySize { get; init; }
    public required int HiddenSize { get; init; }
    public required int IntermediateSize { get; init; }
    public required int LayerCount { get; init; }
    public required int HeadCount { get; init; }
    public required int KeyValueHeadCount { get; init; }
    public required int HeadSize { get; init; }
    public required float NormEpsilon { get; init; }
    public required Activation Activation { get; init; }
    public required RotaryConfiguration Rotary { get; init; }
    public required bool TiedHead { get; init; }

    /// <summary>Whether the query, key and value projections have a bias.</summary>
    public required bool InputBias { get; init; }

    /// <summary>Whether the output projection of attention has a bias.</summary>
    public required bool OutputBias { get; init; }

    /// <summary>Whether the projections of the feed-forward block have a bias.</summary>
    public required bool FeedForwardBias { get; init; }

    public required int ContextLength { get; init; }

    /// <summary>How many positions each layer sees, the current one included; 0 sees all.</summary>
    public required IReadOnlyList<int> Windows { get; init; }

    /// <summary>What each layer keeps in the cache: keys and values.</summary>
    public CacheLayer[] CacheLayers => [.. Windows.Select(window =>
        new CacheLayer(window > 0 ? CacheKind.Sliding : CacheKind.Full, 2 * KeyValueHeadCount * HeadSize, window))];

    /// <summary>Reads the fields that the reference's configuration classes know, with their defaults.</summary>
    public static DecoderConfiguration Read(ConfigReader config, DecoderTraits traits)
    {
        int hidden = config.RequiredInteger("hidden_size", 1, 1 << 17);
        int heads = config.RequiredInteger("num_attention_heads", 1, 4096);
        int layers = config.RequiredInteger("num_hidden_layers", 1, 1024);
        int keyValueHeads = config.Integer("num_key_value_heads", 1, 4096) ?? traits.DefaultKeyValueHeads ?? heads;
        int? headSize = config.Integer("head_dim", 1, 4096);
        if (headSize is null && hidden % heads != 0)
            throw new InferenceException(InferenceFailure.CorruptModel, $"config.json: hidden_size {hidden} is not a multiple of num_attention_heads {heads}.") { Field = "hidden_size" };
        if (heads % keyValueHeads != 0)
            throw new InferenceException(InferenceFailure.CorruptModel, $"config.json: num_attention_heads {heads} is not a multiple of num_key_value_heads {keyValueHeads}.") { Field = "num_key_value_heads" };
        if ((headSize ?? hidden / heads) % 2 != 0)
            throw new InferenceException(InferenceFailure.CorruptModel, $"config.json: the heads have {headSize ?? hidden / heads} numbers; rotary positions need an even count.") { Field = "head_dim" };
        bool attentionBias = traits.OptionalBiases && (config.Boolean("attention_bias") ?? false);
        return new()
        {
            VocabularySize = config.RequiredInteger("vocab_size", 1, 1 << 24),
            HiddenSize = hidden,
            IntermediateSize = config.RequiredInteger("intermediate_size", 1, 1 << 20),
            LayerCount = layers,
            HeadCount = heads,
            KeyValueHeadCount = keyValueHeads,
            HeadSize = headSize ?? hidden / heads,
            NormEpsilon = config.Number("rms_norm_eps", 0, 1) ?? 1e-6f,
            Activation = Activations.Parse(config, "hidden_act", config.Text("hidden_act") ?? "silu"),
            Rotary = RotaryConfiguration.Read(config),
            TiedHead = config.Boolean("tie_word_embeddings") ?? false,
            InputBias = traits.AlwaysInputBias || attentionBias,
            OutputBias = attentionBias,
            FeedForwardBias = traits.OptionalBiases && (config.Boolean("mlp_bias") ?? false),
            ContextLength = ModelConfiguration.ContextLength(config) ?? 2048,
            Windows = ReadWindows(config, traits.Window, layers),
        };
    }

    private static int[] ReadWindows(ConfigReader config, WindowRule rule, int layers)
    {
        int window = config.Integer("sliding_window", 0, int.MaxValue) ?? 0;
        bool uses = window > 0 && rule switch
        {
            WindowRule.Never => false,
            WindowRule.EveryLayer => true,
            WindowRule.UpperLayersOnRequest => config.Boolean("use_sliding_window") ?? false,
            _ => throw new InvalidOperationException($"unknown rule {rule}"),
        };
        IReadOnlyList<string>? types = config.Texts("layer_types");
        if (types is not null && types.Count != layers)
            throw new InferenceException(InferenceFailure.CorruptModel, $"config.json: layer_types has {types.Count} entries; num_hidden_layers says {layers}.") { Field = "layer_types" };
        int fullLayers = rule == WindowRule.UpperLayersOnRequest ? config.Integer("max_window_layers", 0, int.MaxValue) ?? 28 : 0;
        int[] windows = new int[layers];
        for (int i = 0; i < layers; i++)
        {
            bool slides = types?[i] switch
            {
                null => uses && i >= fullLayers,
                "sliding_attention" => uses,
                "full_attention" => false,
                { } other => throw config.Unsupported("layer_types", other, "full_attention, sliding_attention"),
            };
            windows[i] = slides ? window : 0;
        }
        return windows;
    }
}
