using System.Runtime.InteropServices;
using System.Text.Json;
using LlmService.Inference.Weights;

namespace LlmService.Inference.Tests.Weights.Gguf;

/// <summary>Writes golden models as GGUF, the way converters do it, and the same numbers as safetensors.</summary>
internal static class GgufGolden
{
    private static readonly (string Published, string Stored)[] DecoderNames =
    [
        ("model.embed_tokens", "token_embd"), ("model.norm", "output_norm"), ("lm_head", "output"), ("model.layers.", "blk."), ("input_layernorm", "attn_norm"),
        ("post_attention_layernorm", "ffn_norm"), ("self_attn.q_proj", "attn_q"), ("self_attn.k_proj", "attn_k"), ("self_attn.v_proj", "attn_v"),
        ("self_attn.o_proj", "attn_output"), ("mlp.gate_proj", "ffn_gate"), ("mlp.up_proj", "ffn_up"), ("mlp.down_proj", "ffn_down"),
    ];

    private static readonly (string Published, string Stored)[] T5Names =
    [
        ("shared", "token_embd"), ("lm_head", "output"), ("encoder.final_layer_norm", "enc.output_norm"), ("decoder.final_layer_norm", "dec.output_norm"),
        ("encoder.block.", "enc.blk."), ("decoder.block.", "dec.blk."), ("layer.0.SelfAttention.relative_attention_bias", "attn_rel_b"),
        ("layer.0.SelfAttention.", "attn_"), ("layer.0.layer_norm", "attn_norm"), ("layer.1.EncDecAttention.", "cross_attn_"),
        ("layer.1.DenseReluDense", "layer.2.DenseReluDense"), ("layer.2.DenseReluDense.wi_0", "ffn_gate"), ("layer.2.DenseReluDense.wi_1", "ffn_up"),
        ("layer.2.DenseReluDense.wi", "ffn_up"), ("layer.2.DenseReluDense.wo", "ffn_down"), ("layer.2.layer_norm", "ffn_norm"),
    ];

    /// <summary>One tensor of the source.</summary>
    private sealed record Source(string Name, long[] Shape, float[] Values);

    /// <summary>The GGUF file of a golden model, and a safetensors file of the numbers that are in it.</summary>
    /// <param name="folder">The golden model.</param>
    /// <param name="type">How matrices are stored whose rows fill whole blocks; the rest is F32.</param>
    /// <param name="writer">Receives keys and tensors.</param>
    public static byte[] Write(string folder, uint type, GgufWriter writer)
    {
        JsonElement config = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "config.json"))).RootElement;
        string model = config.GetProperty("model_type").GetString()!;
        WriteKeys(writer, model == "mistral" ? "llama" : model, config);
        List<(string, string, long[], byte[])> published = [];
        foreach (Source source in Read(folder))
        {
            (byte[] bytes, uint stored, float[] values) = Encode(type, source);
            published.Add((source.Name, "F32", source.Shape, CheckpointFolder.Bytes(values)));
            string name = NameOf(model, source.Name);
            if (model is "llama" or "mistral" && name.Contains(".attn_q.", StringComparison.Ordinal))
                bytes = Interleave(bytes, source.Shape[0], config.GetProperty("num_attention_heads").GetInt32());
            if (model is "llama" or "mistral" && name.Contains(".attn_k.", StringComparison.Ordinal))
                bytes = Interleave(bytes, source.Shape[0], config.GetProperty("num_key_value_heads").GetInt32());
            writer.AddTensor(name, stored, [.. source.Shape.Reverse().Select(d => (ulong)d)], bytes);
        }
        return CheckpointFolder.Encode([.. published]);
    }

    private static void WriteKeys(GgufWriter writer, string model, JsonElement config)
    {
        writer.Add("general.architecture", model).Add("general.type", "model").Add("general.name", "a golden model").Add("general.file_type", 0);
        uint? Number(string field) => config.TryGetProperty(field, out JsonElement value) && value.ValueKind == JsonValueKind.Number ? (uint)value.GetInt32() : null;
        void Copy(string key, string field)
        {
            if (Number(field) is { } value)
                writer.Add($"{model}.{key}", value);
        }
        if (model == "t5")
        {
            writer.Add("t5.context_length", 512).Add("t5.attention.layer_norm_epsilon", config.GetProperty("layer_norm_epsilon").GetSingle())
                .Add("t5.attention.layer_norm_rms_epsilon", config.GetProperty("layer_norm_epsilon").GetSingle());
            (string, string)[] keys =
            [
                ("embedding_length", "d_model"), ("feed_forward_length", "d_ff"), ("block_count", "num_layers"), ("decoder_block_count", "num_decoder_layers"),
                ("attention.head_count", "num_heads"), ("attention.key_length", "d_kv"), ("attention.value_length", "d_kv"),
                ("attention.relative_buckets_count", "relative_attention_num_buckets"), ("decoder_start_token_id", "decoder_start_token_id"),
            ];
            foreach ((string key, string field) in keys)
                Copy(key, field);
            return;
        }
        (string, string)[] names =
        [
            ("context_length", "max_position_embeddings"), ("embedding_length", "hidden_size"), ("feed_forward_length", "intermediate_size"), ("block_count", "num_hidden_layers"),
            ("attention.head_count", "num_attention_heads"), ("attention.head_count_kv", "num_key_value_heads"), ("rope.dimension_count", "head_dim"),
            ("attention.key_length", "head_dim"), ("attention.value_length", "head_dim"), ("vocab_size", "vocab_size"),
        ];
        foreach ((string key, string field) in names)
            Copy(key, field);
        if (model == "llama")
            Copy("attention.sliding_window", "sliding_window");
        writer.Add($"{model}.attention.layer_norm_rms_epsilon", config.GetProperty("rms_norm_eps").GetSingle()).Add($"{model}.rope.freq_base", config.GetProperty("rope_theta").GetSingle());
        if (config.TryGetProperty("rope_scaling", out JsonElement scaling) && scaling.ValueKind == JsonValueKind.Object)
            WriteScaling(writer, model, config, scaling);
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
        writer.AddTensor("rope_freqs.weight", GgufWriter.F32, [(ulong)divisors.Length], CheckpointFolder.Bytes(divisors));
    }

    private static IEnumerable<Source> Read(string folder)
    {
        HashSet<string> seen = [];
        foreach (string path in Directory.EnumerateFiles(folder, "*.safetensors").Order(StringComparer.Ordinal))
        {
            using MappedFile file = new(path);
            foreach (StoredTensor tensor in SafetensorsFile.Read(file))
            {
                // Converters leave copies of the shared table out.
                if (tensor.Name is not ("encoder.embed_tokens.weight" or "decoder.embed_tokens.weight") && seen.Add(tensor.Name))
                    yield return new(tensor.Name, [.. tensor.Shape], tensor.ToArray());
            }
        }
    }

    private static (byte[] Bytes, uint Type, float[] Values) Encode(uint type, Source source)
    {
        // Vectors stay floats, as converters keep them.
        if (type == GgufWriter.F32 || source.Shape.Length < 2)
            return (CheckpointFolder.Bytes(source.Values), GgufWriter.F32, source.Values);
        if (type == GgufWriter.F16)
        {
            Half[] halves = [.. source.Values.Select(v => (Half)v)];
            return (MemoryMarshal.AsBytes<Half>(halves).ToArray(), type, [.. halves.Select(h => (float)h)]);
        }
        if (type == GgufWriter.Bf16)
        {
            ushort[] upper = [.. source.Values.Select(v => (ushort)(BitConverter.SingleToUInt32Bits(v) >> 16))];
            return (MemoryMarshal.AsBytes<ushort>(upper).ToArray(), type, [.. upper.Select(u => BitConverter.UInt32BitsToSingle((uint)u << 16))]);
        }
        if (source.Shape[^1] % 32 != 0)
            return (CheckpointFolder.Bytes(source.Values), GgufWriter.F32, source.Values);
        (byte[] bytes, float[] values) = BlockFormats.Encode(type, source.Values);
        return (bytes, type, values);
    }

    // The second layer of an encoder block is the feed-forward one, of a decoder block the cross-attention.
    private static string NameOf(string model, string name) =>
        (model == "t5" ? [("layer.1.layer_norm", name.StartsWith("encoder", StringComparison.Ordinal) ? "ffn_norm" : "cross_attn_norm"), .. T5Names] : DecoderNames).Aggregate(name, (current, pair) => current.Replace(pair.Published, pair.Stored, StringComparison.Ordinal));

    /// <summary>Row (part p, place i) of a head goes to (i, p): reshape(heads, 2, size / 2).swapaxes(1, 2).</summary>
    private static byte[] Interleave(byte[] bytes, long rows, int heads)
    {
        int rowBytes = (int)(bytes.Length / rows), half = (int)(rows / heads / 2), next = 0;
        byte[] result = new byte[bytes.Length];
        for (int head = 0; head < heads; head++)
        {
            for (int place = 0; place < half; place++)
            {
                for (int part = 0; part < 2; part++, next++)
                    bytes.AsSpan((head * 2 * half + part * half + place) * rowBytes, rowBytes).CopyTo(result.AsSpan(next * rowBytes));
            }
        }
        return result;
    }
}
