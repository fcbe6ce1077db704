using LlmService.Inference.Execution;

namespace LlmService.Inference.Configuration;

/// <summary>The sizes and switches of BART and the encoder-decoders that are built like it: mBART, Marian, M2M-100 and NLLB, Pegasus, Blenderbot.</summary>
internal sealed record BartConfiguration
{
    /// <summary><c>model_type</c>.</summary>
    public required string ModelType { get; init; }
    public required int VocabularySize { get; init; }
    public required int HiddenSize { get; init; }
    public required int EncoderLayers { get; init; }
    public required int DecoderLayers { get; init; }
    public required int EncoderHeads { get; init; }
    public required int DecoderHeads { get; init; }
    public required int EncoderFeedForwardSize { get; init; }
    public required int DecoderFeedForwardSize { get; init; }
    public required Activation Activation { get; init; }

    /// <summary>What embeddings are multiplied by.</summary>
    public required float EmbeddingScale { get; init; }

    /// <summary>Norms come before the blocks, and once more at the end; else behind each sum.</summary>
    public required bool NormsBefore { get; init; }

    /// <summary>Whether embeddings are normed before the first layer.</summary>
    public required bool NormsEmbeddings { get; init; }

    public required PositionKind Positions { get; init; }

    /// <summary>The row of the first learned position.</summary>
    public int PositionOffset { get; init; }

    /// <summary>Whether a bias of the logits is stored.</summary>
    public required bool HasLogitsBias { get; init; }

    /// <summary>Whether the head is the table of embeddings.</summary>
    public required bool TiedHead { get; init; }

    public required int PaddingTokenId { get; init; }

    public required int DecoderStartTokenId { get; init; }

    /// <summary>The longest encoder input, and the longest answer.</summary>
    public required int ContextLength { get; init; }

    /// <summary>What each layer of the decoder keeps in the cache: keys and values of its own past, then those of the encoder's output.</summary>
    public CacheLayer[] CacheLayers =>
    [
        .. Enumerable.Repeat(new CacheLayer(CacheKind.Full, 2 * HiddenSize) { IsSingle = CacheLayer.IsOdd(HiddenSize / DecoderHeads) }, DecoderLayers),
        .. Enumerable.Repeat(new CacheLayer(CacheKind.Cross, 2 * HiddenSize) { IsSingle = CacheLayer.IsOdd(HiddenSize / DecoderHeads) }, DecoderLayers),
    ];

    /// <summary>Reads the fields that the reference's configuration classes share.</summary>
    /// <param name="config">config.json.</param>
    /// <param name="folder">Where generation_config.json may be.</param>
    public static BartConfiguration Read(ConfigReader config, string folder)
    {
        string type = config.Text("model_type")!;
        config.Require("share_encoder_decoder_embeddings", "true");
        int vocabulary = config.RequiredInteger("vocab_size", 1, 1 << 24), hidden = config.RequiredInteger("d_model", 1, 1 << 17);
        // fairseq's frequencies end at the lowest, so there must be two.
        DecoderFields.Require(type != "m2m_100" || hidden >= 4, config, "d_model", $"is {hidden}; at least 4 were expected");
        if (config.Integer("decoder_vocab_size", 1, 1 << 24) is { } other && other != vocabulary)
            throw config.Unsupported("decoder_vocab_size", $"{other}", $"{vocabulary}, the size of the encoder's vocabulary");
        return new()
        {
            ModelType = type,
            VocabularySize = vocabulary,
            HiddenSize = hidden,
            EncoderLayers = config.RequiredInteger("encoder_layers", 1, 1024),
            DecoderLayers = config.RequiredInteger("decoder_layers", 1, 1024),
            EncoderHeads = Heads(config, "encoder_attention_heads", hidden),
            DecoderHeads = Heads(config, "decoder_attention_heads", hidden),
            EncoderFeedForwardSize = config.RequiredInteger("encoder_ffn_dim", 1, 1 << 20),
            DecoderFeedForwardSize = config.RequiredInteger("decoder_ffn_dim", 1, 1 << 20),
            Activation = Activations.Parse(config, "activation_function", config.Text("activation_function") ?? (type == "m2m_100" ? "relu" : "gelu")),
            EmbeddingScale = config.Boolean("scale_embedding") ?? type == "m2m_100" ? MathF.Sqrt(hidden) : 1,
            NormsBefore = type is "mbart" or "pegasus" or "m2m_100" or "blenderbot",
            NormsEmbeddings = type is "bart" or "mbart",
            Positions = type switch { "marian" or "pegasus" => PositionKind.Sinusoid, "m2m_100" => PositionKind.CountedSinusoid, _ => PositionKind.Learned },
            PositionOffset = type is "bart" or "mbart" ? 2 : 0,
            HasLogitsBias = type != "m2m_100",
            TiedHead = config.Boolean("tie_word_embeddings") ?? true,
            PaddingTokenId = config.Integer("pad_token_id", 0, vocabulary - 1) ?? (type == "pegasus" ? 0 : 1),
            DecoderStartTokenId = Start(config, folder, vocabulary),
            ContextLength = config.Integer("max_position_embeddings", 1, 1 << 24) ?? (type == "blenderbot" ? 128 : 1024),
        };
    }

    // The reference begins with the first token of texts where neither file names another one for the decoder, as those of the first mBART do not.
    private static int Start(ConfigReader config, string folder, int vocabulary)
    {
        ConfigReader? generation = ConfigReader.Open(Path.Combine(folder, GenerationConfiguration.FileName));
        int? In(string field) => generation?.Integer(field, 0, vocabulary - 1) ?? config.Integer(field, 0, vocabulary - 1);
        return In("decoder_start_token_id") ?? In("bos_token_id") ?? config.RequiredInteger("decoder_start_token_id", 0, vocabulary - 1);
    }

    private static int Heads(ConfigReader config, string field, int hidden)
    {
        int heads = config.RequiredInteger(field, 1, 4096);
        DecoderFields.Require(hidden % heads == 0, config, "d_model", $"{hidden} is not a multiple of {field} {heads}", field);
        return heads;
    }
}

/// <summary>How positions enter the embeddings.</summary>
internal enum PositionKind
{
    /// <summary>A table of learned rows.</summary>
    Learned,

    /// <summary>Sines in the first half of a row, cosines in the second (Vaswani et al. 2017).</summary>
    Sinusoid,

    /// <summary>The same with frequencies that end at 1/10,000, counted from behind the padding id over tokens that are no padding (fairseq).</summary>
    CountedSinusoid,
}
