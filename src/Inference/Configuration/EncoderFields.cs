namespace LlmService.Inference.Configuration;

/// <summary>Reads the fields of config.json that encoders share, with the defaults that they share.</summary>
internal static class EncoderFields
{
    private const int MaxLabels = 1 << 16;
    private const string Absolute = "absolute";

    /// <summary>BERT's reading of the fields; an architecture changes what it has otherwise.</summary>
    /// <param name="config">config.json, by the usual names.</param>
    /// <param name="names">What the tensors are called.</param>
    /// <param name="epsilon">ε of the norms where nothing is said.</param>
    /// <param name="activation">The activation where nothing is said.</param>
    public static EncoderConfiguration Read(ConfigReader config, EncoderNames names, float epsilon = 1e-12f, string activation = "gelu")
    {
        config.Require("is_decoder", "false");
        config.Require("add_cross_attention", "false");
        int hidden = config.RequiredInteger("hidden_size", 1, 1 << 17), heads = config.RequiredInteger("num_attention_heads", 1, 4096);
        DecoderFields.Require(hidden % heads == 0, config, "hidden_size", $"{hidden} is not a multiple of {config.NameOf("num_attention_heads")} {heads}");
        int positions = config.Integer("max_position_embeddings", 1, 1 << 24) ?? 512;
        string kind = config.Text("position_embedding_type") ?? Absolute;
        if (kind != Absolute && (names.Distances.Length == 0 || kind is not ("relative_key" or "relative_key_query")))
            throw config.Unsupported("position_embedding_type", kind, names.Distances.Length == 0 ? Absolute : "absolute, relative_key, relative_key_query");
        return new()
        {
            ModelType = config.Text("model_type")!,
            VocabularySize = config.RequiredInteger("vocab_size", 1, 1 << 24),
            HiddenSize = hidden,
            IntermediateSize = config.RequiredInteger("intermediate_size", 1, 1 << 20),
            LayerCount = config.RequiredInteger("num_hidden_layers", 1, 1024),
            HeadCount = heads,
            ContextLength = positions,
            PositionRows = kind == Absolute ? positions : null,
            Disentangled = kind == Absolute ? null : new(positions, 0, positions, true, kind == "relative_key_query", false, DistanceRows.OfHeads),
            TypeCount = config.Integer("type_vocab_size", 0, 1 << 16) ?? 2,
            NormEpsilon = config.Number("layer_norm_eps", 0, 1) ?? epsilon,
            Activation = Activations.Parse(config, "hidden_act", config.Text("hidden_act") ?? activation),
            Names = names,
        };
    }

    /// <summary>Positions from behind the padding id on: so many fewer texts fit.</summary>
    public static EncoderConfiguration CountedFromPadding(ConfigReader config, EncoderConfiguration model, int padding)
    {
        int context = model.ContextLength - padding - 1;
        DecoderFields.Require(context > 0, config, "max_position_embeddings", $"is {model.ContextLength}; more than the padding id {padding} and one was expected");
        return model with { PaddingTokenId = padding, ContextLength = context };
    }

    /// <summary>The head of a model for sequence classification; null for others.</summary>
    public static ClassifierConfiguration? Classifier(ConfigReader config, string dense, Activation activation, string output, bool denseBias = true, string norm = "", bool usesMean = false)
    {
        if (config.Texts("architectures")?.Any(name => name.EndsWith("ForSequenceClassification", StringComparison.Ordinal)) != true)
            return null;
        int labels = config.Count("id2label", MaxLabels) ?? config.Integer("num_labels", 1, MaxLabels) ?? 2;
        return new(labels, dense, denseBias, norm, activation, output, usesMean);
    }
}
