using System.Text.Json;

namespace LlmService.Inference.Tests.Weights.Gguf;

/// <summary>Writes the keys of golden models as GGUF, the way converters do it.</summary>
internal static class GgufGoldenKeys
{
    private static readonly (string Key, string Field)[] T5Keys =
    [
        ("embedding_length", "d_model"), ("feed_forward_length", "d_ff"), ("block_count", "num_layers"), ("decoder_block_count", "num_decoder_layers"),
        ("attention.head_count", "num_heads"), ("attention.key_length", "d_kv"), ("attention.value_length", "d_kv"),
        ("attention.relative_buckets_count", "relative_attention_num_buckets"), ("decoder_start_token_id", "decoder_start_token_id"),
    ];

    private static readonly (string Key, string Field)[] DecoderKeys =
    [
        ("context_length", "max_position_embeddings"), ("embedding_length", "hidden_size"), ("feed_forward_length", "intermediate_size"), ("block_count", "num_hidden_layers"),
        ("attention.head_count", "num_attention_heads"), ("attention.head_count_kv", "num_key_value_heads"), ("rope.dimension_count", "head_dim"),
        ("attention.key_length", "head_dim"), ("attention.value_length", "head_dim"), ("vocab_size", "vocab_size"),
    ];

    private static readonly (string Key, string Field)[] Gpt2Keys =
        [("context_length", "n_positions"), ("embedding_length", "n_embd"), ("block_count", "n_layer"), ("attention.head_count", "n_head")];

    /// <summary>Writes them.</summary>
    /// <returns>The name that GGUF has for the architecture.</returns>
    public static string Write(GgufWriter writer, JsonElement config)
    {
        string model = config.GetProperty("model_type").GetString() switch { "mistral" => "llama", "gemma3_text" => "gemma3", var type => type! };
        writer.Add("general.architecture", model).Add("general.type", "model").Add("general.name", "a golden model").Add("general.file_type", 0);
        foreach ((string key, string field) in model switch { "t5" => T5Keys, "gpt2" => Gpt2Keys, _ => DecoderKeys })
        {
            if (Number(config, field) is { } value)
                writer.Add($"{model}.{key}", value);
        }
        switch (model)
        {
            case "t5":
                writer.Add("t5.context_length", 512).Add("t5.attention.layer_norm_epsilon", Float(config, "layer_norm_epsilon")).Add("t5.attention.layer_norm_rms_epsilon", Float(config, "layer_norm_epsilon"));
                break;
            case "gpt2":
                writer.Add("gpt2.feed_forward_length", Number(config, "n_inner") ?? 4 * Number(config, "n_embd")!.Value).Add("gpt2.attention.layer_norm_epsilon", Float(config, "layer_norm_epsilon"));
                break;
            default:
                WriteDecoder(writer, model, config);
                break;
        }
        return model;
    }

    private static void WriteDecoder(GgufWriter writer, string model, JsonElement config)
    {
        writer.Add($"{model}.attention.layer_norm_rms_epsilon", Float(config, "rms_norm_eps"));
        // The first two Gemmas have the base that all take who are not told.
        if (model is not ("gemma" or "gemma2"))
            writer.Add($"{model}.rope.freq_base", Float(config, "rope_theta"));
        if (model is "llama" or "gemma2" or "gemma3" && Number(config, "sliding_window") is { } window)
            writer.Add($"{model}.attention.sliding_window", window);
        if (model == "gemma2")
            writer.Add("gemma2.attn_logit_softcapping", Float(config, "attn_logit_softcapping")).Add("gemma2.final_logit_softcapping", Float(config, "final_logit_softcapping"));
        if (model == "gemma3")
            writer.Add("gemma3.attention.sliding_window_pattern", 1u + (uint)config.GetProperty("layer_types").EnumerateArray().ToList().FindIndex(type => type.GetString() == "full_attention"));
        bool isScaled = config.TryGetProperty("rope_scaling", out JsonElement scaling) && scaling.ValueKind == JsonValueKind.Object;
        if (model == "phi3")
            WritePhi3(writer, config, isScaled ? scaling : null);
        else if (isScaled)
            WriteScaling(writer, model, config, scaling);
    }

    private static void WritePhi3(GgufWriter writer, JsonElement config, JsonElement? scaling)
    {
        uint original = Number(config, "original_max_position_embeddings")!.Value, heads = Number(config, "num_attention_heads")!.Value;
        writer.Add("phi3.rope.scaling.original_context_length", original).Add("phi3.attention.sliding_window", Number(config, "sliding_window") ?? 0)
            .Add("phi3.rope.dimension_count", (uint)(Float(config, "partial_rotary_factor") * Number(config, "hidden_size")!.Value) / heads);
        if (scaling is not { } factors)
            return;
        double stretch = (double)Number(config, "max_position_embeddings")!.Value / original;
        writer.Add("phi3.rope.scaling.attn_factor", stretch > 1 ? (float)Math.Sqrt(1 + Math.Log(stretch) / Math.Log(original)) : 1f);
        foreach (string kind in new[] { "long", "short" })
            AddFactors(writer, $"rope_factors_{kind}.weight", [.. factors.GetProperty($"{kind}_factor").EnumerateArray().Select(factor => factor.GetSingle())]);
    }

    private static void WriteScaling(GgufWriter writer, string model, JsonElement config, JsonElement scaling)
    {
        string type = (scaling.TryGetProperty("rope_type", out JsonElement today) ? today : scaling.GetProperty("type")).GetString()!;
        float factor = scaling.GetProperty("factor").GetSingle();
        if (type == "linear")
        {
            writer.Add($"{model}.rope.scaling.type", "linear").Add($"{model}.rope.scaling.factor", factor);
            return;
        }
        // The bands of Llama 3.1 become a tensor of divisors.
        int size = config.GetProperty("head_dim").GetInt32(), context = scaling.GetProperty("original_max_position_embeddings").GetInt32();
        float low = scaling.GetProperty("low_freq_factor").GetSingle(), high = scaling.GetProperty("high_freq_factor").GetSingle(), theta = config.GetProperty("rope_theta").GetSingle();
        float[] divisors = new float[size / 2];
        for (int i = 0; i < divisors.Length; i++)
        {
            float wave = 2 * MathF.PI * MathF.Pow(theta, 2f * i / size);
            float smooth = (context / wave - low) / (high - low);
            divisors[i] = wave < context / high ? 1 : wave > context / low ? factor : 1 / ((1 - smooth) / factor + smooth);
        }
        AddFactors(writer, "rope_freqs.weight", divisors);
    }

    private static void AddFactors(GgufWriter writer, string name, float[] factors) => writer.AddTensor(name, GgufWriter.F32, [(ulong)factors.Length], CheckpointFolder.Bytes(factors));

    private static uint? Number(JsonElement config, string field) => config.TryGetProperty(field, out JsonElement value) && value.ValueKind == JsonValueKind.Number ? (uint)value.GetInt32() : null;

    private static float Float(JsonElement config, string field) => config.GetProperty(field).GetSingle();
}
