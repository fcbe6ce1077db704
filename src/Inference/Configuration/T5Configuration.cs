using LlmService.Inference.Execution;

namespace LlmService.Inference.Configuration;

/// <summary>The sizes and switches of T5 v1.0 and v1.1 (FLAN), mT5 and UMT5.</summary>
internal sealed record T5Configuration
{
    /// <summary><c>model_type</c>.</summary>
    public string ModelType { get; init; } = "t5";
    public required int VocabularySize { get; init; }
    public required int ModelSize { get; init; }
    public required int FeedForwardSize { get; init; }
    public required int HeadSize { get; init; }
    public required int HeadCount { get; init; }
    public required int EncoderLayers { get; init; }
    public required int DecoderLayers { get; init; }
    public required int Buckets { get; init; }
    public required int MaxDistance { get; init; }
    public required float NormEpsilon { get; init; }
    public required Activation Activation { get; init; }

    /// <summary>Whether the feed-forward block multiplies by a second projection (v1.1).</summary>
    public required bool Gated { get; init; }

    /// <summary>Whether each layer has a bias by distance of its own (UMT5); else all have the first one's.</summary>
    public bool BiasInEveryLayer { get; init; }

    /// <summary>Whether the head is the embedding table.</summary>
    public required bool TiedHead { get; init; }

    /// <summary>Whether the head's input is scaled by d_model^-0.5.</summary>
    public required bool ScaledHead { get; init; }

    public required int DecoderStartTokenId { get; init; }

    /// <summary>The longest encoder input.</summary>
    public required int PromptLength { get; init; }

    /// <summary>The longest answer.</summary>
    public required int AnswerLength { get; init; }

    /// <summary>What each layer of the decoder keeps in the cache: keys and values of its own past, then those of the encoder's output.</summary>
    public CacheLayer[] CacheLayers =>
    [
        .. Enumerable.Repeat(new CacheLayer(CacheKind.Full, 2 * HeadCount * HeadSize) { IsSingle = CacheLayer.IsOdd(HeadSize) }, DecoderLayers),
        .. Enumerable.Repeat(new CacheLayer(CacheKind.Cross, 2 * HeadCount * HeadSize) { IsSingle = CacheLayer.IsOdd(HeadSize) }, DecoderLayers),
    ];

    /// <summary>Reads the fields that the class T5Config knows, with its defaults. T5 has no position table: the limits are what it was trained on.</summary>
    public static T5Configuration Read(ConfigReader config, string folder)
    {
        (Activation activation, bool gated) = ReadFeedForward(config, config.Text("model_type") == "t5" ? "relu" : "gated-gelu");
        int layers = config.RequiredInteger("num_layers", 1, 1024);
        bool tied = config.Boolean("tie_word_embeddings") ?? true;
        if (config.Boolean("tie_encoder_decoder") == true)
            throw config.Unsupported("tie_encoder_decoder", "true", "false");
        int vocabulary = config.RequiredInteger("vocab_size", 1, 1 << 24);
        int start = ConfigReader.Open(Path.Combine(folder, "generation_config.json"))?.Integer("decoder_start_token_id", 0, vocabulary - 1)
            ?? config.Integer("decoder_start_token_id", 0, vocabulary - 1) ?? config.Integer("pad_token_id", 0, vocabulary - 1) ?? 0;
        int? positions = config.Integer("n_positions", 1, 1 << 24);
        return new()
        {
            VocabularySize = vocabulary,
            ModelSize = config.RequiredInteger("d_model", 1, 1 << 17),
            FeedForwardSize = config.RequiredInteger("d_ff", 1, 1 << 20),
            HeadSize = config.RequiredInteger("d_kv", 1, 4096),
            HeadCount = config.RequiredInteger("num_heads", 1, 4096),
            EncoderLayers = layers,
            DecoderLayers = config.Integer("num_decoder_layers", 1, 1024) ?? layers,
            Buckets = config.Integer("relative_attention_num_buckets", 4, 1 << 16) ?? 32,
            MaxDistance = config.Integer("relative_attention_max_distance", 2, 1 << 24) ?? 128,
            NormEpsilon = config.Number("layer_norm_epsilon", 0, 1) ?? 1e-6f,
            Activation = activation,
            Gated = gated,
            TiedHead = tied,
            ScaledHead = config.Boolean("scale_decoder_outputs") ?? tied,
            DecoderStartTokenId = start,
            PromptLength = positions ?? Tokenizers.TokenizerConfig.Load(folder).ModelMaxLength ?? 512,
            AnswerLength = positions ?? 512,
        };
    }

    // "relu", "gated-gelu", "gated-silu"; the reference reads "gated-gelu" as gelu_new, and only that one.
    // dense_act_fn and is_gated_act are what it derived when the file was saved; it lets them win, so they win here.
    private static (Activation Activation, bool Gated) ReadFeedForward(ConfigReader config, string usual)
    {
        string projection = config.Text("feed_forward_proj") ?? usual;
        string[] parts = projection.Split('-');
        bool gated = parts.Length == 2 && parts[0] == "gated";
        if (parts.Length > 2 || (parts.Length == 2 && !gated))
            throw config.Unsupported("feed_forward_proj", projection, "relu, gated-gelu, gated-silu and their like");
        string name = projection == "gated-gelu" ? "gelu_new" : parts[^1];
        string? saved = config.Text("dense_act_fn");
        Activation activation = saved is null ? Activations.Parse(config, "feed_forward_proj", name) : Activations.Parse(config, "dense_act_fn", saved);
        return (activation, config.Boolean("is_gated_act") ?? gated);
    }
}
