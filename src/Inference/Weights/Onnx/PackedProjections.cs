namespace LlmService.Inference.Weights.Onnx;

/// <summary>Queries, keys and values in one matrix, <c>qkv_proj</c>: its rows are those of the three, one after the other.</summary>
internal sealed class PackedProjections
{
    private readonly Dictionary<string, (long Queries, long Keys)> _heads = new(StringComparer.Ordinal);

    /// <summary>Notes how many heads an attention block has.</summary>
    public void Add(string? module, OnnxNode attention)
    {
        if (module is not null)
            _heads[module] = (attention.Integer("num_heads", 0), attention.Integer("kv_num_heads", 0));
    }

    /// <summary>The three parts of a packed tensor; any other as it is.</summary>
    public IEnumerable<StoredTensor> Split(StoredTensor tensor)
    {
        const string packed = ".qkv_proj.";
        int at = tensor.Name.LastIndexOf(packed, StringComparison.Ordinal);
        if (at < 0 || !_heads.TryGetValue(tensor.Name[..at], out (long Queries, long Keys) heads) || heads is not ( >= 1 and <= 65536, >= 1 and <= 65536))
            return [tensor];
        long size = tensor.Shape[0] / (heads.Queries + 2 * heads.Keys);
        long queries = heads.Queries * size, keys = heads.Keys * size;
        if (queries + 2 * keys != tensor.Shape[0])
            return [tensor];
        string module = tensor.Name[..at], kind = tensor.Name[(at + packed.Length)..];
        return
        [
            tensor.Rows($"{module}.q_proj.{kind}", 0, queries),
            tensor.Rows($"{module}.k_proj.{kind}", queries, keys),
            tensor.Rows($"{module}.v_proj.{kind}", queries + keys, keys),
        ];
    }
}
