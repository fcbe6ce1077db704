using LlmService.Hub;
using LlmService.Inference.Weights;

namespace LlmService.App;

/// <summary>Which files of a repository a load needs, found in two steps: the small files tell which the large ones are.</summary>
internal sealed class NeededFiles(ModelReference model, ModelRepository repository)
{
    private static readonly string[] SmallFiles =
    [
        "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
        "chat_template.jinja", "chat_template.json", WeightFiles.IndexFileName,
    ];

    private readonly HashSet<string> _files = repository.Files.Select(f => f.Path).ToHashSet(StringComparer.Ordinal);

    /// <summary>The small files that the repository has.</summary>
    public IReadOnlyList<string> Small => [.. SmallFiles.Where(_files.Contains)];

    /// <summary>Downloads the small files.</summary>
    /// <returns>The snapshot's folder.</returns>
    public Task<string> DownloadSmallAsync(CancellationToken cancellationToken) => repository.DownloadAsync(Small, null, cancellationToken);

    /// <summary>The files with weights.</summary>
    /// <param name="snapshot">The snapshot's folder, with the small files.</param>
    /// <param name="skipTokenizer">Whether the model is usable without a tokenizer.</param>
    /// <exception cref="AppException">no_usable_weights, naming what is missing.</exception>
    public IReadOnlyList<string> Weights(string snapshot, bool skipTokenizer)
    {
        if (!skipTokenizer && !_files.Contains("tokenizer.json"))
            throw Missing(model, "tokenizer.json", "a tokenizer (tokenizer.json)", "Use it with --skip-tokenizer-init and send token ids, or choose another model.");
        if (_files.Contains(WeightFiles.SingleFileName))
            return [WeightFiles.SingleFileName];
        if (_files.Contains(WeightFiles.IndexFileName))
            return WeightFiles.ReadIndex(Path.Combine(snapshot, WeightFiles.IndexFileName));
        throw Missing(model, WeightFiles.SingleFileName, "weights in the safetensors format", "Choose a repository with model.safetensors; other formats are not read yet.");
    }

    /// <summary>A file that the load needs is not there.</summary>
    public static AppException Missing(ModelReference model, string file, string what, string remedy) =>
        new(FailureCode.NoUsableWeights, $"'{model.Text}' has no {what.TrimStart('a', ' ')}: '{file}' is missing. The model exists, and a token is not the reason.") { Remedy = remedy };
}
