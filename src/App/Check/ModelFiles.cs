using LlmService.Hub;
using LlmService.Inference.Weights;
using LlmService.Tokenizers;

namespace LlmService.App.Check;

/// <summary>The files that a model has, and which of them a load takes.</summary>
/// <param name="model">The model as it was written.</param>
/// <param name="sizes">Paths relative to the model, and their sizes in bytes.</param>
/// <param name="requireKnown">Throws where a file must not be called missing, since only a part of the model's files is known.</param>
internal sealed class ModelFiles(string model, IReadOnlyDictionary<string, long> sizes, Action<string>? requireKnown = null)
{
    public const string ConfigurationName = "config.json";

    private const string TokenizerName = "tokenizer.json";
    private const string ChatTemplateName = "chat_template.jinja";
    private const string MoreTemplates = "additional_chat_templates/";
    private const int MaxNamed = 5;

    // What decides whether the model can run, and is small.
    private static readonly string[] Deciding =
        [ConfigurationName, "generation_config.json", "tokenizer_config.json", ChatTemplateName, "chat_template.json", "special_tokens_map.json", WeightFiles.IndexFileName];

    private static readonly (string Ending, string Format)[] OtherFormats =
    [
        (".safetensors", "safetensors, not the model's own file"), (".gguf", "GGUF"), (".onnx", "ONNX"), (".bin", "PyTorch"),
        (".pt", "PyTorch"), (".pth", "PyTorch"), (".ckpt", "PyTorch"), (".h5", "TensorFlow"), (".msgpack", "Flax"),
    ];

    /// <summary>The files of a folder.</summary>
    /// <exception cref="AppException">model_not_found: there is no such folder. forbidden: it cannot be read.</exception>
    public static ModelFiles OfFolder(string model, string folder)
    {
        if (!Directory.Exists(folder))
        {
            throw new AppException(FailureCode.ModelNotFound, $"Model not found: there is no folder '{folder}'.")
            {
                Remedy = "Check the path. A model of the Hub is written owner/name, without ./ in front.",
            };
        }
        try
        {
            return new(model, Directory.EnumerateFiles(folder).Where(File.Exists).ToDictionary(path => Path.GetFileName(path), SizeOf, StringComparer.Ordinal));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new AppException(FailureCode.Forbidden, $"The folder '{folder}' cannot be read: {e.Message}", e) { Remedy = "Check the rights of the folder." };
        }
    }

    /// <summary>The files of a repository.</summary>
    public static ModelFiles OfRepository(string model, ModelRepository repository) =>
        new(model, repository.Files.ToDictionary(file => file.Path, file => file.SizeBytes, StringComparer.Ordinal), repository.RequireKnown);

    /// <summary>The small files that a check reads.</summary>
    public IReadOnlyList<string> SmallFiles => Present(Deciding);

    /// <summary>What a load fetches before the weights.</summary>
    public IReadOnlyList<string> FilesBeforeWeights => [.. Present([.. Deciding, .. sizes.Keys.Where(IsMoreTemplate)]).Union(TokenizerFiles)];

    /// <summary>What the tokenizer is read from, the file with the vocabulary first.</summary>
    public IReadOnlyList<string> TokenizerFiles { get; } = Tokenizer.FilesOf([.. sizes.Keys]);

    public bool HasTokenizer => TokenizerFiles.Count > 0;

    public bool HasWeights => sizes.ContainsKey(WeightFiles.SingleFileName) || sizes.ContainsKey(WeightFiles.IndexFileName);

    public long Size(string path) => sizes[path];

    /// <summary>Refuses a model without config.json.</summary>
    /// <exception cref="AppException">no_usable_weights, naming all that is missing.</exception>
    public void RequireConfiguration(bool skipTokenizer)
    {
        if (!sizes.ContainsKey(ConfigurationName))
            throw Missing(skipTokenizer);
    }

    /// <summary>Refuses a model without weights or tokenizer.</summary>
    /// <exception cref="AppException">no_usable_weights, naming all that is missing.</exception>
    public void RequireAll(bool skipTokenizer)
    {
        if (!HasWeights || (!HasTokenizer && !skipTokenizer))
            throw Missing(skipTokenizer);
    }

    /// <summary>The weight files that a load takes.</summary>
    /// <param name="folder">Where the index lies, when there is one.</param>
    /// <exception cref="AppException">no_usable_weights: a shard is missing.</exception>
    public IReadOnlyList<string> ChooseWeights(string folder)
    {
        if (sizes.ContainsKey(WeightFiles.SingleFileName))
            return [WeightFiles.SingleFileName];
        IReadOnlyList<string> shards = WeightFiles.ReadIndex(Path.Combine(folder, WeightFiles.IndexFileName), ".safetensors");
        string[] absent = [.. shards.Where(shard => !sizes.ContainsKey(shard))];
        if (absent.Length > 0)
            requireKnown?.Invoke(absent[0]);
        return absent.Length == 0 ? shards : throw new AppException(FailureCode.NoUsableWeights,
            $"'{model}' lacks {absent.Length} of the {shards.Count} weight files that its index names, such as '{absent[0]}'. The model exists, and a token is not the reason.")
        {
            Remedy = "Choose a repository that is complete, or download the missing files.",
        };
    }

    /// <summary>What else could be taken for weights; empty when there is nothing.</summary>
    public string OthersThan(IReadOnlyCollection<string> chosen)
    {
        string[] others = [.. sizes.Keys.Where(path => !chosen.Contains(path)).Order(StringComparer.Ordinal)
            .Select(path => (Path: path, Format: OtherFormats.FirstOrDefault(f => path.EndsWith(f.Ending, StringComparison.OrdinalIgnoreCase)).Format))
            .Where(file => file.Format is not null).Select(file => $"{file.Path} ({file.Format})")];
        return others.Length == 0 ? ""
            : $"Present but not loaded yet: {string.Join(", ", others.Take(MaxNamed))}{(others.Length > MaxNamed ? $" and {others.Length - MaxNamed} more" : "")}.";
    }

    private static long SizeOf(string path)
    {
        FileInfo file = new(path);
        return (file.ResolveLinkTarget(returnFinalTarget: true) as FileInfo ?? file).Length;
    }

    private static bool IsMoreTemplate(string path) =>
        path.StartsWith(MoreTemplates, StringComparison.Ordinal) && path.EndsWith(".jinja", StringComparison.Ordinal) && path.LastIndexOf('/') == MoreTemplates.Length - 1;

    private string[] Present(IEnumerable<string> names) => [.. names.Where(sizes.ContainsKey)];

    private AppException Missing(bool skipTokenizer)
    {
        requireKnown?.Invoke(!sizes.ContainsKey(ConfigurationName) ? ConfigurationName : !HasWeights ? WeightFiles.SingleFileName : TokenizerName);
        List<string> missing = [];
        if (!sizes.ContainsKey(ConfigurationName))
            missing.Add($"no {ConfigurationName}, which tells the architecture");
        if (!HasWeights)
            missing.Add($"no weights in the safetensors format ({WeightFiles.SingleFileName})");
        bool onlyTokenizer = missing.Count == 0;
        if (!HasTokenizer && !skipTokenizer)
            missing.Add($"no tokenizer ({TokenizerName})");
        string others = HasWeights || OthersThan([]) is not { Length: > 0 } text ? "" : " " + text;
        return new(FailureCode.NoUsableWeights, $"'{model}' has {string.Join(" and ", missing)}.{others} The model exists, and a token is not the reason.")
        {
            Remedy = onlyTokenizer
                ? "Serve it with --skip-tokenizer-init and send token ids, or choose a model that has one."
                : $"Choose a model that has {ConfigurationName}, {WeightFiles.SingleFileName} and {TokenizerName}.",
        };
    }
}
