using System.Text.RegularExpressions;

namespace LlmService.Inference.Weights.Onnx;

/// <summary>
/// What a weight is, in the names of published checkpoints. The exporters give their nodes the path of the module that they come from
/// (<c>/model/layers.0/self_attn/q_proj/MatMul</c>), while constants lose their names (<c>onnx::MatMul_1099</c>) or keep them (<c>model.norm.weight</c>).
/// </summary>
/// <param name="stack"><c>encoder</c> or <c>decoder</c> where the graph is a half of a model; its paths may begin inside of it.</param>
internal sealed partial class RoleNames(string? stack)
{
    // Parts of models that are not inside of another module, and the heads of encoders that score texts.
    private static readonly HashSet<string> Known = new(StringComparer.Ordinal)
    {
        "lm_head", "shared", "model.norm", "model.embed_tokens",
        "embeddings_project", "electra.embeddings_project", "final_norm", "model.final_norm", "head.dense", "head.norm", "pooler", "albert.pooler", "pre_classifier", "classifier",
    };

    private static readonly string[] KnownBeginnings =
    [
        "model.layers.", "encoder.", "decoder.",
        "embeddings.", "transformer.layer.", "layers.", "pooler.", "classifier.", "model.embeddings.", "bert.", "roberta.", "distilbert.", "electra.", "mpnet.", "albert.", "deberta.",
    ];

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
        path = Attention().Replace(path, "$1.self_attn$2");
        path = FinalNorm().Replace(path, "model.norm");
        path = path switch
        {
            "decoder.shared" or "decoder.embed_tokens" => "shared",
            "encoder.shared" => "encoder.embed_tokens",
            "decoder.lm_head" => "lm_head",
            _ => path,
        };
        return IsKnown(path) && !path.Contains("rotary", StringComparison.Ordinal) ? path : null;
    }

    private static bool IsKnown(string path) => Known.Contains(path) || KnownBeginnings.Any(beginning => path.Length > beginning.Length && path.StartsWith(beginning, StringComparison.Ordinal));

    // Quantizers and mergers add endings; the model builder writes the operation into the name.
    [GeneratedRegex(@"^(.{1,512}?)(?:\.MatMul|\.MatMulNBits|\.Add)?\.(?:q?weight|bias)(?:_merged_[0-9]{1,9})?(?:_quantized|_Q4|_Q8)?$", RegexOptions.CultureInvariant | RegexOptions.NonBacktracking)]
    private static partial Regex ConstantName();

    // So the model builder calls attention; in some encoders it is the published name.
    [GeneratedRegex(@"^(model\.layers\.[0-9]{1,9})\.attn(\.|$)", RegexOptions.CultureInvariant | RegexOptions.NonBacktracking)]
    private static partial Regex Attention();

    // The model builder counts the final norm as a part of a layer after the last one.
    [GeneratedRegex(@"^model\.layers\.[0-9]{1,9}\.final_norm_layernorm$", RegexOptions.CultureInvariant | RegexOptions.NonBacktracking)]
    private static partial Regex FinalNorm();
}
