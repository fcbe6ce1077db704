namespace LlmService.Inference.Configuration;

/// <summary>Reads the fields of config.json that most decoder-only architectures share, with the defaults that they share.</summary>
internal static class DecoderFields
{
    /// <summary>Llama's reading of the fields; an architecture changes what it has otherwise.</summary>
    /// <param name="config">config.json, by the usual names.</param>
    /// <param name="defaultKeyValueHeads">Key/value heads where nothing is said; null for as many as query heads.</param>
    /// <param name="tied">Whether the head is the embedding table where nothing is said.</param>
    /// <param name="epsilon">The field of the norms' ε, and its default.</param>
    /// <param name="activation">The activation where nothing is said.</param>
    /// <param name="theta">The rotary base where nothing is said.</param>
    /// <param name="turns">Whether heads turn.</param>
    /// <param name="rotaryPart">The part of a head that turns where nothing is said; null where the architecture knows no parts.</param>
    /// <param name="isInterleaved">Whether neighbours turn together.</param>
    /// <param name="headSize">Width of a head where nothing is said; null for an equal share of the model's width.</param>
    /// <param name="rotaryKind">The kind of layer whose rotation is read, where the file tells them apart.</param>
    /// <param name="otherKind">A kind of layer beside full and sliding attention.</param>
    /// <param name="inner">The width of the feed-forward block where nothing is said, in widths of the model; null where it must be.</param>
    public static DecoderConfiguration Read(
        ConfigReader config, int? defaultKeyValueHeads = null, bool tied = false, (string Field, float Default)? epsilon = null, string activation = "silu",
        float theta = 10000, bool turns = true, float? rotaryPart = null, bool isInterleaved = false, int? inner = null, int? headSize = null,
        string? rotaryKind = null, string? otherKind = null)
    {
        int hidden = config.RequiredInteger("hidden_size", 1, 1 << 17);
        int heads = config.RequiredInteger("num_attention_heads", 1, 4096);
        int layers = config.RequiredInteger("num_hidden_layers", 1, 1024);
        int keyValueHeads = config.Integer("num_key_value_heads", 1, 4096) ?? (config.Mentions("num_key_value_heads") ? heads : defaultKeyValueHeads ?? heads);
        int size = HeadSize(config, hidden, heads, headSize);
        Require(heads % keyValueHeads == 0, config, "num_attention_heads", $"{heads} is not a multiple of num_key_value_heads {keyValueHeads}", "num_key_value_heads");
        (string epsilonField, float epsilonDefault) = epsilon ?? ("rms_norm_eps", 1e-6f);
        RotaryConfiguration? rotary = turns ? RotaryConfiguration.Read(config, size, rotaryKind, theta, rotaryPart) with { IsInterleaved = isInterleaved } : null;
        return new()
        {
            VocabularySize = config.RequiredInteger("vocab_size", 1, 1 << 24),
            HiddenSize = hidden,
            IntermediateSize = config.Integer("intermediate_size", 1, 1 << 20) ?? inner * hidden ?? config.RequiredInteger("intermediate_size", 1, 1 << 20),
            LayerCount = layers,
            HeadCount = heads,
            KeyValueHeadCount = keyValueHeads,
            HeadSize = size,
            NormEpsilon = config.Number(epsilonField, 0, 1) ?? epsilonDefault,
            Activation = Activations.Parse(config, "hidden_act", config.Text("hidden_act") ?? activation),
            Rotary = Repeat(rotary, layers),
            TiedHead = config.Boolean("tie_word_embeddings") ?? tied,
            ContextLength = ContextOf(config, rotary),
            Windows = WindowsWhere(config, layers, _ => false, uses: false, otherKind: otherKind),
        };
    }

    /// <summary>The same for every layer.</summary>
    public static IReadOnlyList<RotaryConfiguration?> Repeat(RotaryConfiguration? rotary, int layers) => [.. Enumerable.Repeat(rotary, layers)];

    /// <summary>A window on every layer, wherever one is given and counts.</summary>
    public static int[] WindowOnAll(ConfigReader config, int layers, int window = 0, bool uses = true) => WindowsWhere(config, layers, _ => true, window, uses);

    /// <summary>Windows by <c>layer_types</c>; where that is missing, on the layers that the architecture says.</summary>
    /// <param name="config">config.json.</param>
    /// <param name="layers">How many layers.</param>
    /// <param name="slides">Which layers slide where the file does not tell.</param>
    /// <param name="window">The window where the file does not tell; null in the file is none.</param>
    /// <param name="uses">Whether the window counts at all.</param>
    /// <param name="otherKind">A kind of layer beside full and sliding attention, which has no window.</param>
    public static int[] WindowsWhere(ConfigReader config, int layers, Func<int, bool> slides, int window = 0, bool uses = true, string? otherKind = null)
    {
        window = config.Integer("sliding_window", 0, int.MaxValue) ?? (config.Mentions("sliding_window") ? 0 : window);
        IReadOnlyList<string>? types = LayerTypes(config, layers);
        int[] windows = new int[layers];
        for (int i = 0; i < layers; i++)
        {
            bool isSliding = types?[i] switch
            {
                null => slides(i),
                "sliding_attention" => true,
                "full_attention" => false,
                { } other when other == otherKind => false,
                { } other => throw config.Unsupported("layer_types", other, "full_attention, sliding_attention"),
            };
            windows[i] = isSliding && uses ? window : 0;
        }
        return windows;
    }

    /// <summary>The kind of each layer; null where the file does not tell.</summary>
    public static IReadOnlyList<string>? LayerTypes(ConfigReader config, int layers)
    {
        IReadOnlyList<string>? types = config.Texts("layer_types");
        Require(types is null || types.Count == layers, config, "layer_types", $"has {types?.Count} entries; num_hidden_layers says {layers}");
        return types;
    }

    /// <summary>Which layers have experts, by <c>decoder_sparse_step</c> and <c>mlp_only_layers</c>.</summary>
    public static bool[] SparseLayers(ConfigReader config, int layers)
    {
        int step = config.Integer("decoder_sparse_step", 1, 1 << 16) ?? 1;
        IReadOnlyList<int> dense = config.Integers("mlp_only_layers", 0, int.MaxValue, layers) ?? [];
        return [.. Enumerable.Range(0, layers).Select(i => !dense.Contains(i) && (i + 1) % step == 0)];
    }

    /// <summary>Refuses what contradicts itself.</summary>
    /// <param name="condition">Whether it does not.</param>
    /// <param name="config">config.json.</param>
    /// <param name="field">The field that is told of.</param>
    /// <param name="problem">What is wrong with it.</param>
    /// <param name="other">The field that is to be changed, where it is another one.</param>
    public static void Require(bool condition, ConfigReader config, string field, string problem, string? other = null)
    {
        if (!condition)
            throw new InferenceException(InferenceFailure.CorruptModel, $"config.json: {config.NameOf(field)} {problem}.") { Field = config.NameOf(other ?? field) };
    }

    // With dynamic scaling the file states the context of the training. The rotation follows any length; twice what the factor was chosen for is served.
    private static int ContextOf(ConfigReader config, RotaryConfiguration? rotary)
    {
        int stated = ModelConfiguration.ContextLength(config) ?? 2048;
        return rotary?.Scaling is DynamicScaling { Factor: > 1 } scaling ? (int)Math.Min(2.0 * stated * scaling.Factor, 1 << 24) : stated;
    }

    private static int HeadSize(ConfigReader config, int hidden, int heads, int? usual)
    {
        int? given = config.Integer("head_dim", 1, 4096) ?? (config.Mentions("head_dim") ? null : usual);
        Require(given is not null || hidden % heads == 0, config, "hidden_size", $"{hidden} is not a multiple of {config.NameOf("num_attention_heads")} {heads}");
        return given ?? hidden / heads;
    }
}
