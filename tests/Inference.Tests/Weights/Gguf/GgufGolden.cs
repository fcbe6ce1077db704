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
        ("self_attn.q_norm", "attn_q_norm"), ("self_attn.k_norm", "attn_k_norm"), ("self_attn.qkv_proj", "attn_qkv"), ("mlp.gate_up_proj", "ffn_up"),
    ];

    // Gemma 2 and 3 norm around their blocks; what others call the second norm is the outer one of attention.
    private static readonly (string Published, string Stored)[] GemmaNames =
    [
        ("post_attention_layernorm", "post_attention_norm"), ("pre_feedforward_layernorm", "ffn_norm"), ("post_feedforward_layernorm", "post_ffw_norm"), .. DecoderNames,
    ];

    private static readonly (string Published, string Stored)[] Gpt2Names =
    [
        ("transformer.wte", "token_embd"), ("transformer.wpe", "position_embd"), ("transformer.ln_f", "output_norm"), ("transformer.h.", "blk."), ("ln_1", "attn_norm"), ("ln_2", "ffn_norm"),
        ("attn.c_attn", "attn_qkv"), ("attn.c_proj", "attn_output"), ("mlp.c_fc", "ffn_up"), ("mlp.c_proj", "ffn_down"),
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
    /// <param name="config">What is written as its config.json.</param>
    /// <param name="type">How matrices are stored whose rows fill whole blocks; the rest is F32.</param>
    /// <param name="writer">Receives keys and tensors.</param>
    public static byte[] Write(string folder, string config, uint type, GgufWriter writer)
    {
        JsonElement fields = JsonDocument.Parse(config).RootElement;
        string model = GgufGoldenKeys.Write(writer, fields);
        List<(string, string, long[], byte[])> published = [];
        foreach (Source source in Read(folder))
        {
            bool isTransposed = model == "gpt2" && source.Shape.Length == 2 && source.Name.Contains(".c_", StringComparison.Ordinal);
            Source converted = isTransposed ? Transpose(source) : model.StartsWith("gemma", StringComparison.Ordinal) && source.Name.EndsWith("norm.weight", StringComparison.Ordinal) ? Shift(source, 1) : source;
            (byte[] bytes, uint stored, float[] values) = Encode(type, converted);
            Source decoded = converted with { Values = values };
            published.Add((source.Name, "F32", source.Shape, CheckpointFolder.Bytes((isTransposed ? Transpose(decoded) : converted == source ? decoded : Shift(decoded, -1)).Values)));
            string name = NameOf(model, source.Name);
            if (model == "llama" && name.Contains(".attn_q.", StringComparison.Ordinal))
                bytes = Interleave(bytes, source.Shape[0], fields.GetProperty("num_attention_heads").GetInt32());
            if (model == "llama" && name.Contains(".attn_k.", StringComparison.Ordinal))
                bytes = Interleave(bytes, source.Shape[0], fields.GetProperty("num_key_value_heads").GetInt32());
            writer.AddTensor(name, stored, [.. converted.Shape.Reverse().Select(d => (ulong)d)], bytes);
        }
        return CheckpointFolder.Encode([.. published]);
    }

    // Norms of Gemma are stored as what they multiply by.
    private static Source Shift(Source source, float by) => source with { Values = Array.ConvertAll(source.Values, value => value + by) };

    private static Source Transpose(Source source)
    {
        int rows = (int)source.Shape[0], columns = (int)source.Shape[1];
        float[] turned = new float[source.Values.Length];
        for (int row = 0; row < rows; row++)
        {
            for (int column = 0; column < columns; column++)
                turned[column * rows + row] = source.Values[row * columns + column];
        }
        return new(source.Name, [columns, rows], turned);
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

    private static string NameOf(string model, string name) => NamesOf(model, name).Aggregate(name, (current, pair) => current.Replace(pair.Published, pair.Stored, StringComparison.Ordinal));

    // The second layer of an encoder block is the feed-forward one, of a decoder block the cross-attention.
    private static (string Published, string Stored)[] NamesOf(string model, string name) => model switch
    {
        "t5" => [("layer.1.layer_norm", name.StartsWith("encoder", StringComparison.Ordinal) ? "ffn_norm" : "cross_attn_norm"), .. T5Names],
        "gpt2" => Gpt2Names,
        "gemma2" or "gemma3" => GemmaNames,
        _ => DecoderNames,
    };

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
