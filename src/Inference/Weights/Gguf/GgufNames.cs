using System.Runtime.InteropServices;

namespace LlmService.Inference.Weights.Gguf;

/// <summary>Gives the tensors of a GGUF file the names of published checkpoints, and undoes the order that the converter gave the rows of queries and keys.</summary>
internal sealed class GgufNames
{
    private static readonly Dictionary<string, string> DecoderNames = new(StringComparer.Ordinal)
    {
        ["token_embd"] = "model.embed_tokens",
        ["output_norm"] = "model.norm",
        ["output"] = "lm_head",
        ["blk.#.attn_norm"] = "model.layers.#.input_layernorm",
        ["blk.#.attn_q"] = "model.layers.#.self_attn.q_proj",
        ["blk.#.attn_k"] = "model.layers.#.self_attn.k_proj",
        ["blk.#.attn_v"] = "model.layers.#.self_attn.v_proj",
        ["blk.#.attn_output"] = "model.layers.#.self_attn.o_proj",
        ["blk.#.attn_q_norm"] = "model.layers.#.self_attn.q_norm",
        ["blk.#.attn_k_norm"] = "model.layers.#.self_attn.k_norm",
        ["blk.#.ffn_norm"] = "model.layers.#.post_attention_layernorm",
        ["blk.#.ffn_gate"] = "model.layers.#.mlp.gate_proj",
        ["blk.#.ffn_up"] = "model.layers.#.mlp.up_proj",
        ["blk.#.ffn_down"] = "model.layers.#.mlp.down_proj",
    };

    // What Gemma 2 and 3 have beside those, or call otherwise.
    private static readonly Dictionary<string, string> GemmaNames = new(DecoderNames, StringComparer.Ordinal)
    {
        ["blk.#.post_attention_norm"] = "model.layers.#.post_attention_layernorm",
        ["blk.#.ffn_norm"] = "model.layers.#.pre_feedforward_layernorm",
        ["blk.#.post_ffw_norm"] = "model.layers.#.post_feedforward_layernorm",
    };

    private static readonly Dictionary<string, string> Phi3Names = new(DecoderNames, StringComparer.Ordinal)
    {
        ["blk.#.attn_qkv"] = "model.layers.#.self_attn.qkv_proj",
        ["blk.#.ffn_up"] = "model.layers.#.mlp.gate_up_proj",
    };

    private static readonly Dictionary<string, string> Gpt2Names = new(StringComparer.Ordinal)
    {
        ["token_embd"] = "transformer.wte",
        ["position_embd"] = "transformer.wpe",
        ["output_norm"] = "transformer.ln_f",
        ["output"] = "lm_head",
        ["blk.#.attn_norm"] = "transformer.h.#.ln_1",
        ["blk.#.attn_qkv"] = "transformer.h.#.attn.c_attn",
        ["blk.#.attn_output"] = "transformer.h.#.attn.c_proj",
        ["blk.#.ffn_norm"] = "transformer.h.#.ln_2",
        ["blk.#.ffn_up"] = "transformer.h.#.mlp.c_fc",
        ["blk.#.ffn_down"] = "transformer.h.#.mlp.c_proj",
    };

    private static readonly Dictionary<string, string> T5Names = new(StringComparer.Ordinal)
    {
        ["token_embd"] = "shared",
        ["output"] = "lm_head",
        ["enc.output_norm"] = "encoder.final_layer_norm",
        ["enc.blk.#.attn_norm"] = "encoder.block.#.layer.0.layer_norm",
        ["enc.blk.#.attn_q"] = "encoder.block.#.layer.0.SelfAttention.q",
        ["enc.blk.#.attn_k"] = "encoder.block.#.layer.0.SelfAttention.k",
        ["enc.blk.#.attn_v"] = "encoder.block.#.layer.0.SelfAttention.v",
        ["enc.blk.#.attn_o"] = "encoder.block.#.layer.0.SelfAttention.o",
        ["enc.blk.#.attn_rel_b"] = "encoder.block.#.layer.0.SelfAttention.relative_attention_bias",
        ["enc.blk.#.ffn_norm"] = "encoder.block.#.layer.1.layer_norm",
        ["enc.blk.#.ffn_gate"] = "encoder.block.#.layer.1.DenseReluDense.wi_0",
        ["enc.blk.#.ffn_up"] = "encoder.block.#.layer.1.DenseReluDense.wi_1",
        ["enc.blk.#.ffn_down"] = "encoder.block.#.layer.1.DenseReluDense.wo",
        ["dec.output_norm"] = "decoder.final_layer_norm",
        ["dec.blk.#.attn_norm"] = "decoder.block.#.layer.0.layer_norm",
        ["dec.blk.#.attn_q"] = "decoder.block.#.layer.0.SelfAttention.q",
        ["dec.blk.#.attn_k"] = "decoder.block.#.layer.0.SelfAttention.k",
        ["dec.blk.#.attn_v"] = "decoder.block.#.layer.0.SelfAttention.v",
        ["dec.blk.#.attn_o"] = "decoder.block.#.layer.0.SelfAttention.o",
        ["dec.blk.#.attn_rel_b"] = "decoder.block.#.layer.0.SelfAttention.relative_attention_bias",
        ["dec.blk.#.cross_attn_norm"] = "decoder.block.#.layer.1.layer_norm",
        ["dec.blk.#.cross_attn_q"] = "decoder.block.#.layer.1.EncDecAttention.q",
        ["dec.blk.#.cross_attn_k"] = "decoder.block.#.layer.1.EncDecAttention.k",
        ["dec.blk.#.cross_attn_v"] = "decoder.block.#.layer.1.EncDecAttention.v",
        ["dec.blk.#.cross_attn_o"] = "decoder.block.#.layer.1.EncDecAttention.o",
        ["dec.blk.#.cross_attn_rel_b"] = "decoder.block.#.layer.1.EncDecAttention.relative_attention_bias",
        ["dec.blk.#.ffn_norm"] = "decoder.block.#.layer.2.layer_norm",
        ["dec.blk.#.ffn_gate"] = "decoder.block.#.layer.2.DenseReluDense.wi_0",
        ["dec.blk.#.ffn_up"] = "decoder.block.#.layer.2.DenseReluDense.wi_1",
        ["dec.blk.#.ffn_down"] = "decoder.block.#.layer.2.DenseReluDense.wo",
    };

    private readonly Dictionary<string, string> _names;
    private readonly bool _isGated;

    // Heads of queries and keys whose rows are reordered; 0 where they are not.
    private readonly int _queryHeads;
    private readonly int _keyHeads;
    private readonly Dictionary<(int Rows, int Heads), int[]> _orders = [];

    // Whether norms are stored with the 1 that published checkpoints leave out.
    private readonly bool _addsOne;

    private GgufNames(Dictionary<string, string> names, bool isGated, int queryHeads, int keyHeads, bool addsOne = false)
    {
        _addsOne = addsOne;
        _names = names;
        _isGated = isGated;
        _queryHeads = queryHeads;
        _keyHeads = keyHeads;
    }

    /// <summary>The names of a file's architecture.</summary>
    /// <exception cref="InferenceException">CorruptModel, UnsupportedModelType.</exception>
    public static GgufNames Of(GgufHeader header)
    {
        GgufMetadata metadata = header.Metadata;
        switch (GgufConfiguration.ArchitectureOf(metadata))
        {
            case GgufConfiguration.Llama:
                int heads = GgufConfiguration.HeadCount(metadata, GgufConfiguration.Llama);
                return new(DecoderNames, isGated: true, heads, GgufConfiguration.KeyValueHeadCount(metadata, GgufConfiguration.Llama, heads));
            case GgufConfiguration.T5:
                return new(T5Names, GgufConfiguration.IsGated(header), 0, 0);
            case GgufConfiguration.Gpt2:
                return new(Gpt2Names, isGated: true, 0, 0);
            case GgufConfiguration.Phi3:
                return new(Phi3Names, isGated: true, 0, 0);
            case GgufConfiguration.Gemma:
                return new(DecoderNames, isGated: true, 0, 0, addsOne: true);
            case GgufConfiguration.Gemma2 or GgufConfiguration.Gemma3:
                return new(GemmaNames, isGated: true, 0, 0, addsOne: true);
            default:
                return new(DecoderNames, isGated: true, 0, 0);
        }
    }

    /// <summary>A tensor as published checkpoints have it; what the architecture does not know keeps its name.</summary>
    public StoredTensor Rename(StoredTensor tensor)
    {
        int heads = tensor.Name.Contains(".attn_q.", StringComparison.Ordinal) ? _queryHeads : tensor.Name.Contains(".attn_k.", StringComparison.Ordinal) ? _keyHeads : 0;
        StoredTensor ordered = heads > 0 ? Reorder(tensor, heads) : _addsOne && tensor.Name.EndsWith("norm.weight", StringComparison.Ordinal) ? LessOne(tensor) : tensor;
        return ordered with { Name = NameOf(tensor.Name) };
    }

    private string NameOf(string name)
    {
        string[] parts = name.Split('.');
        int ending = parts.Length - 1;
        if (parts[ending] is not ("weight" or "bias"))
            return name;
        int number = Array.FindIndex(parts, part => part.Length > 0 && part.All(char.IsAsciiDigit));
        string index = number < 0 ? "" : parts[number];
        if (number >= 0)
            parts[number] = "#";
        if (!_names.TryGetValue(string.Join('.', parts[..ending]), out string? found))
            return name;
        if (!_isGated && found.EndsWith("wi_1", StringComparison.Ordinal))
            found = found[..^2];
        return $"{found.Replace("#", index, StringComparison.Ordinal)}.{parts[ending]}";
    }

    /// <summary>The converter interleaves the halves of every head, because its rotary positions turn neighbours: (2, size / 2) becomes (size / 2, 2).</summary>
    private StoredTensor Reorder(StoredTensor tensor, int heads)
    {
        long rows = tensor.Shape.Count switch { 0 => 0, 1 => tensor.Shape[0], _ => tensor.ElementCount / Math.Max(1, tensor.Shape[^1]) };
        if (rows > int.MaxValue || rows % (2L * heads) != 0)
        {
            throw new InferenceException(InferenceFailure.CorruptModel, $"'{tensor.File.Path}': the tensor '{tensor.Name}' has the shape {tensor.ShapeText}, which {heads} heads of an even size do not divide.")
            {
                File = tensor.File.Path,
                Tensor = tensor.Name,
            };
        }
        if (!_orders.TryGetValue(((int)rows, heads), out int[]? order))
            _orders[((int)rows, heads)] = order = OrderOf((int)rows, heads);
        if (tensor.Shape.Count > 1)
            return tensor with { RowOrder = order };
        float[] stored = tensor.ToArray();
        return With(tensor, [.. order.Select(row => stored[row])]);
    }

    private static StoredTensor LessOne(StoredTensor tensor) => With(tensor, Array.ConvertAll(tensor.ToArray(), value => value - 1));

    private static StoredTensor With(StoredTensor tensor, float[] values) =>
        tensor with { File = new TensorMemory(tensor.File.Path, MemoryMarshal.AsBytes<float>(values).ToArray()), Type = TensorType.F32, Offset = 0, ByteCount = values.Length * sizeof(float) };

    private static int[] OrderOf(int rows, int heads)
    {
        int size = rows / heads, half = size / 2;
        int[] order = new int[rows];
        for (int row = 0; row < rows; row++)
        {
            int head = row / size, place = row % size;
            order[row] = head * size + place % half * 2 + place / half;
        }
        return order;
    }
}
