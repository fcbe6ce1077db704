using System.Text.RegularExpressions;

namespace LlmService.Inference.Weights.Onnx;

/// <summary>
/// What a weight is, in the names of published checkpoints. The exporters give their nodes the path of the module that they come from
/// (<c>/model/layers.0/self_attn/q_proj/MatMul</c>), while constants lose their names (<c>onnx::MatMul_1099</c>) or keep them (<c>model.norm.weight</c>).
/// </summary>
/// <param name="stack"><c>encoder</c> or <c>decoder</c> where the graph is a half of a model; its paths may begin inside of it.</param>
internal sealed partial class RoleNames(string? stack)
{
    /// <summary>The names for the graph of a file.</summary>
    public static RoleNames For(string fileName) => new(
        fileName.StartsWith("encoder_model", StringComparison.Ordinal) ? "encoder" : fileName.StartsWith("decoder_model", StringComparison.Ordinal) ? "decoder" : null);

    /// <summary>The module that a node belongs to, else the one that a constant is named after; null where neither names a module that has weights.</summary>
    public string? Module(OnnxNode node, string constant) => ModuleOf(node.Name) ?? ModuleOfConstant(constant);

    /// <summary>The module of a node's path.</summary>
    public string? ModuleOf(string nodeName)
    {
        string[] parts = nodeName.Split('/', StringSplitOptions.RemoveEmptyEntries);
        return parts.Length < 2 ? null : Canonical(string.Join('.', parts[..^1]));
    }

    private string? ModuleOfConstant(string name)
    {
        Match match = ConstantName().Match(name);
        return match.Success ? Canonical(match.Groups[1].Value) : null;
    }

    private string? Canonical(string path)
    {
        // A half that was exported by itself has no module above it.
        if (stack is not null && (path.StartsWith("block.", StringComparison.Ordinal) || path is "final_layer_norm" or "embed_tokens" || (stack == "encoder" && path == "shared")))
            path = $"{stack}.{path}";
        path = Attention().Replace(path, ".self_attn$1");
        path = FinalNorm().Replace(path, "model.norm");
        path = path switch
        {
            "decoder.shared" or "decoder.embed_tokens" => "shared",
            "encoder.shared" => "encoder.embed_tokens",
            "decoder.lm_head" => "lm_head",
            _ => path,
        };
        return Known().IsMatch(path) && !path.Contains("rotary", StringComparison.Ordinal) ? path : null;
    }

    // Quantizers and mergers add endings; the model builder writes the operation into the name.
    [GeneratedRegex(@"^(.{1,512}?)(?:\.MatMul|\.MatMulNBits|\.Add)?\.(?:q?weight|bias)(?:_merged_[0-9]{1,9})?(?:_quantized|_Q4|_Q8)?$", RegexOptions.CultureInvariant | RegexOptions.NonBacktracking)]
    private static partial Regex ConstantName();

    [GeneratedRegex(@"\.attn(\.|$)", RegexOptions.CultureInvariant | RegexOptions.NonBacktracking)]
    private static partial Regex Attention();

    // The model builder counts the final norm as a part of a layer after the last one.
    [GeneratedRegex(@"^model\.layers\.[0-9]{1,9}\.final_norm_layernorm$", RegexOptions.CultureInvariant | RegexOptions.NonBacktracking)]
    private static partial Regex FinalNorm();

    [GeneratedRegex(@"^(?:lm_head|shared|model\.norm|model\.embed_tokens|model\.layers\..{1,512}|encoder\..{1,512}|decoder\..{1,512})$", RegexOptions.CultureInvariant | RegexOptions.NonBacktracking)]
    private static partial Regex Known();
}
