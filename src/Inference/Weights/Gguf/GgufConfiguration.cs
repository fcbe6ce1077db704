using LlmService.Inference.Configuration;

namespace LlmService.Inference.Weights.Gguf;

/// <summary>The architecture and its sizes, from the keys of a GGUF file and the tensors that it has.</summary>
internal static class GgufConfiguration
{
    public const string Llama = "llama";
    public const string Qwen2 = "qwen2";
    public const string T5 = "t5";
    public const string Qwen3 = "qwen3";
    public const string Gemma = "gemma";
    public const string Gemma2 = "gemma2";
    public const string Gemma3 = "gemma3";
    public const string Phi3 = "phi3";
    public const string Gpt2 = "gpt2";

    private const string ArchitectureKey = "general.architecture";
    private const int MaxHeads = 4096;

    // Converters do not store it: every published T5 has it.
    private const int T5MaxDistance = 128;
    private const int T5ContextLength = 512;

    /// <summary>Keys that change the arithmetic in ways that are not built, with the values that change nothing.</summary>
    private static readonly (string Key, double[] Neutral)[] Refused =
    [
        ("expert_count", [0]), ("expert_used_count", [0]), ("expert_shared_count", [0]), ("attn_logit_softcapping", [0]), ("final_logit_softcapping", [0]),
        ("logit_scale", [0, 1]), ("embedding_scale", [0, 1]), ("residual_scale", [0, 1]), ("attention.scale", [0]), ("attention.output_scale", [0, 1]),
        ("attention.clamp_kqv", [0]), ("attention.max_alibi_bias", [0]), ("attention.temperature_length", [0]), ("attention.temperature_scale", [0]),
        ("attention.sliding_window_pattern", [0, 1]), ("attention.shared_kv_layers", [0]), ("rope.scaling.attn_factor", [0, 1]), ("pooling_type", [0]),
    ];

    /// <summary>The name of the architecture, as the file spells it.</summary>
    /// <exception cref="InferenceException">CorruptModel; UnsupportedModelType.</exception>
    public static string ArchitectureOf(GgufMetadata metadata)
    {
        string architecture = metadata.Text(ArchitectureKey) ?? throw metadata.Missing(ArchitectureKey, "the name of the architecture");
        return architecture is Llama or Qwen2 or T5 or Qwen3 or Gemma or Gemma2 or Gemma3 or Phi3 or Gpt2 ? architecture : throw ModelConfiguration.Unsupported(architecture, metadata.Path, ArchitectureKey);
    }

    /// <summary>Reads the configuration and checks that no setting is left unhonoured.</summary>
    /// <exception cref="InferenceException">CorruptModel; UnsupportedModelType.</exception>
    public static ModelConfiguration Read(GgufHeader header)
    {
        GgufMetadata metadata = header.Metadata;
        string architecture = ArchitectureOf(metadata);
        foreach ((string name, double[] neutral) in Refused)
        {
            string key = $"{architecture}.{name}";
            if (!GgufDecoders.Honours(architecture, name) && metadata.Number(key, double.MinValue, double.MaxValue) is { } value && !neutral.Contains(value))
                throw metadata.Unsupported(key, Show(value), string.Join(", ", neutral.Select(n => Show((float)n))));
        }
        if (metadata.Boolean($"{architecture}.attention.causal") == false)
            throw metadata.Unsupported($"{architecture}.attention.causal", "false", "true");
        return architecture == T5
            ? new() { ModelType = T5, T5 = ReadT5(header) }
            : new() { ModelType = architecture == Gemma3 ? "gemma3_text" : architecture, Decoder = GgufDecoders.Complete(ReadDecoder(header, architecture), header, architecture) };
    }

    public static int HeadCount(GgufMetadata metadata, string architecture) => metadata.RequiredInteger($"{architecture}.attention.head_count", 1, MaxHeads);

    public static int KeyValueHeadCount(GgufMetadata metadata, string architecture, int heads)
    {
        string key = $"{architecture}.attention.head_count_kv";
        int count = metadata.Integer(key, 1, MaxHeads) ?? heads;
        return heads % count == 0 ? count : throw metadata.Corrupt(key, $"is {count}; {architecture}.attention.head_count {heads} is not a multiple of it");
    }

    /// <summary>Whether the feed-forward blocks of a T5 multiply by a second projection.</summary>
    public static bool IsGated(GgufHeader header) => header.Tensors.ContainsKey("enc.blk.0.ffn_gate.weight");

    private static DecoderConfiguration ReadDecoder(GgufHeader header, string name)
    {
        GgufMetadata metadata = header.Metadata;
        int hidden = metadata.RequiredInteger($"{name}.embedding_length", 1, 1 << 17), layers = metadata.RequiredInteger($"{name}.block_count", 1, 1024);
        int heads = HeadCount(metadata, name), context = metadata.RequiredInteger($"{name}.context_length", 1, 1 << 24);
        return new()
        {
            VocabularySize = VocabularyOf(header),
            HiddenSize = hidden,
            IntermediateSize = metadata.RequiredInteger($"{name}.feed_forward_length", 1, 1 << 20),
            LayerCount = layers,
            HeadCount = heads,
            KeyValueHeadCount = KeyValueHeadCount(metadata, name, heads),
            HeadSize = HeadSizeOf(metadata, name, hidden, heads),
            NormEpsilon = Epsilon(metadata, $"{name}.attention.layer_norm_{(name == Gpt2 ? "" : "rms_")}epsilon"),
            Activation = Activation.Silu,
            Rotary = DecoderFields.Repeat(ReadRotary(metadata, name), layers),
            TiedHead = !header.Tensors.ContainsKey("output.weight"),
            InputBias = name == Qwen2 || header.Tensors.ContainsKey("blk.0.attn_q.bias"),
            OutputBias = header.Tensors.ContainsKey("blk.0.attn_output.bias"),
            FeedForwardBias = header.Tensors.ContainsKey("blk.0.ffn_down.bias"),
            ContextLength = context,
            Windows = [.. Enumerable.Repeat(WindowOf(metadata, name, context), layers)],
        };
    }

    private static float Epsilon(GgufMetadata metadata, string key) => metadata.Number(key, 0, 1) ?? throw metadata.Missing(key, "a number from 0 to 1");

    private static int HeadSizeOf(GgufMetadata metadata, string name, int hidden, int heads)
    {
        if (metadata.Integer($"{name}.attention.key_length", 1, 4096) is not { } size)
            size = hidden % heads == 0 ? hidden / heads : throw metadata.Corrupt($"{name}.embedding_length", $"is {hidden}, which is not a multiple of {name}.attention.head_count {heads}");
        if (metadata.Integer($"{name}.attention.value_length", 1, 4096) is { } values && values != size)
            throw metadata.Unsupported($"{name}.attention.value_length", $"{values}", $"{size}, the size of the keys");
        if (metadata.Integer($"{name}.rope.dimension_count", 0, 4096) is { } rotated && rotated != size && name is not (Phi3 or Gpt2))
            throw metadata.Unsupported($"{name}.rope.dimension_count", $"{rotated}", $"{size}, the size of the heads");
        return size % 2 == 0 ? size : throw metadata.Corrupt($"{name}.attention.key_length", $"gives the heads {size} numbers; rotary positions need an even count");
    }

    // A missing type means linear; the factor is then 1, unless it is given.
    private static RotaryConfiguration ReadRotary(GgufMetadata metadata, string name)
    {
        string key = $"{name}.rope.scaling.type", type = metadata.Text(key) ?? "linear";
        if (name == Phi3)
            type = "none";
        if (type is not ("none" or "linear"))
            throw metadata.Unsupported(key, type, "none, linear");
        float factor = metadata.Number($"{name}.rope.scaling.factor", 0, 1e6) ?? metadata.Number($"{name}.rope.scale_linear", 0, 1e6) ?? 1;
        return new()
        {
            Theta = metadata.Number($"{name}.rope.freq_base", 1e-3, 1e12) ?? 10000,
            Scaling = type == "none" || factor is 0 or 1 ? null : new LinearScaling(factor),
        };
    }

    private static int WindowOf(GgufMetadata metadata, string name, int context)
    {
        string key = $"{name}.attention.sliding_window";
        int window = metadata.Integer(key, 0, int.MaxValue) ?? 0;
        if (window >= context)
            return 0;
        // Qwen slides on its upper layers only, and the file does not tell which.
        return window == 0 || name is not (Qwen2 or Qwen3) ? window : throw metadata.Unsupported(key, $"{window}", "0");
    }

    private static T5Configuration ReadT5(GgufHeader header)
    {
        GgufMetadata metadata = header.Metadata;
        int hidden = metadata.RequiredInteger("t5.embedding_length", 1, 1 << 17), layers = metadata.RequiredInteger("t5.block_count", 1, 1024), vocabulary = VocabularyOf(header);
        int heads = HeadCount(metadata, T5), size = metadata.RequiredInteger("t5.attention.key_length", 1, 4096), context = metadata.Integer("t5.context_length", 1, 1 << 24) ?? T5ContextLength;
        if (metadata.Integer("t5.attention.value_length", 1, 4096) is { } values && values != size)
            throw metadata.Unsupported("t5.attention.value_length", $"{values}", $"{size}, the size of the keys");
        bool tied = !header.Tensors.ContainsKey("output.weight");
        return new()
        {
            VocabularySize = vocabulary,
            ModelSize = hidden,
            FeedForwardSize = metadata.RequiredInteger("t5.feed_forward_length", 1, 1 << 20),
            HeadSize = size,
            HeadCount = heads,
            EncoderLayers = layers,
            DecoderLayers = metadata.Integer("t5.decoder_block_count", 1, 1024) ?? layers,
            Buckets = metadata.Integer("t5.attention.relative_buckets_count", 4, 1 << 16) ?? 32,
            MaxDistance = T5MaxDistance,
            NormEpsilon = metadata.Number("t5.attention.layer_norm_rms_epsilon", 0, 1) ?? metadata.Number("t5.attention.layer_norm_epsilon", 0, 1) ?? 1e-6f,
            // The two published variants: v1.0 has relu, v1.1 and FLAN the gated tanh-GELU.
            Activation = IsGated(header) ? Activation.GeluTanh : Activation.Relu,
            Gated = IsGated(header),
            TiedHead = tied,
            ScaledHead = tied,
            DecoderStartTokenId = metadata.Integer("t5.decoder_start_token_id", 0, vocabulary - 1) ?? metadata.TokenId("tokenizer.ggml.padding_token_id", vocabulary) ?? 0,
            PromptLength = context,
            AnswerLength = context,
        };
    }

    private static int VocabularyOf(GgufHeader header)
    {
        if (!header.Tensors.TryGetValue("token_embd.weight", out GgufTensorInfo table) || table.Dimensions.Count != 2 || table.Dimensions[1] is < 1 or > 1 << 24)
        {
            throw new InferenceException(InferenceFailure.CorruptModel, $"'{header.Metadata.Path}' has no embedding table: the tensor 'token_embd.weight' must have two dimensions.")
            {
                File = header.Metadata.Path,
                Tensor = "token_embd.weight",
            };
        }
        return (int)table.Dimensions[1];
    }

    private static string Show(float value) => value.ToString(System.Globalization.CultureInfo.InvariantCulture);
}
