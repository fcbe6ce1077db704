using LlmService.Hub;
using LlmService.Inference.Embeddings;
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
        [ConfigurationName, "generation_config.json", "tokenizer_config.json", ChatTemplateName, "chat_template.json", "special_tokens_map.json"];

    private static readonly (string Ending, string Format)[] OtherFormats =
    [
        (".safetensors", "safetensors, not the model's own file"), (".gguf", "GGUF in parts or of a type that is not read"), (".onnx", "ONNX"), (".bin", "PyTorch, not the model's own file"),
        (".pt", "PyTorch"), (".pth", "PyTorch"), (".ckpt", "PyTorch"), (".h5", "TensorFlow"), (".msgpack", "Flax"),
    ];

    /// <summary>The files of a model's folder; of a model that is one file, only that.</summary>
    /// <exception cref="AppException">model_not_found: there is no such folder or file. forbidden: it cannot be read.</exception>
    public static ModelFiles OfFolder(ModelReference model)
    {
        string folder = model.Folder!;
        if (model.WeightsFile is { } single ? !File.Exists(Path.Combine(folder, single)) : !Directory.Exists(folder))
        {
            throw new AppException(FailureCode.ModelNotFound, $"Model not found: there is no {(model.WeightsFile is null ? "folder" : "file")} '{Path.Combine(folder, model.WeightsFile ?? "")}'.")
            {
                Remedy = "Check the path. A model of the Hub is written owner/name, without ./ in front.",
            };
        }
        try
        {
            IEnumerable<string> names = model.WeightsFile is { } only ? [only] : WeightFiles.FilesOf(folder).Where(name => IsThere(Path.Combine(folder, name)));
            Dictionary<string, long> sizes = names.ToDictionary(name => name, name => SizeOf(Path.Combine(folder, name)), StringComparer.Ordinal);
            // What was named by itself is tried, whatever its name says: the reader knows the reason better.
            return model.WeightsFile is { } named ? new(model.Text, sizes) { Weights = [WeightFiles.Gguf(named)] } : new(model.Text, sizes);
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
    /// <param name="weights">The set of weights, whose index is one of them; null for none.</param>
    public IReadOnlyList<string> SmallFiles(WeightChoice? weights) => [.. Present(Deciding), .. sizes.Keys.Where(SentenceFiles.IsSettings), .. weights?.Index is { } index ? new[] { index } : []];

    /// <summary>What a load fetches before the weights.</summary>
    /// <param name="weights">The set of weights, whose index is one of the files; null for none.</param>
    public IReadOnlyList<string> FilesBeforeWeights(WeightChoice? weights) => [.. SmallFiles(weights).Concat(sizes.Keys.Where(IsMoreTemplate)).Union(TokenizerFiles)];

    /// <summary>All sets of weights, the preferred one first.</summary>
    public IReadOnlyList<WeightChoice> Weights { get; private init; } = WeightFiles.List([.. sizes.Keys]);

    /// <summary>What the tokenizer is read from, the file with the vocabulary first.</summary>
    public IReadOnlyList<string> TokenizerFiles { get; } = Tokenizer.FilesOf([.. sizes.Keys]);

    public bool HasTokenizer => TokenizerFiles.Count > 0;

    public bool HasConfiguration => sizes.ContainsKey(ConfigurationName);

    public long Size(string path) => sizes[path];

    /// <summary>Refuses a model whose architecture nothing tells: no config.json, and no weights that have it inside.</summary>
    /// <exception cref="AppException">no_usable_weights, naming all that is missing.</exception>
    public void RequireConfiguration(WeightChoice? weights, bool skipTokenizer)
    {
        if (!HasConfiguration && weights?.IsSelfContained != true)
            throw Missing(weights, skipTokenizer);
    }

    /// <summary>Refuses a model without weights or tokenizer.</summary>
    /// <exception cref="AppException">no_usable_weights, naming all that is missing.</exception>
    public WeightChoice RequireAll(WeightChoice? weights, bool skipTokenizer) =>
        weights is not null && !LacksTokenizer(weights, skipTokenizer) ? weights : throw Missing(weights, skipTokenizer);

    /// <summary>The set of weights that a load takes: the one asked for, else the preferred one. Of several GGUF files it is the most exact that fits.</summary>
    /// <param name="wanted">What the user asked for; null for nothing.</param>
    /// <param name="availableBytes">What the process may use.</param>
    /// <returns>Null when the model has no weights at all.</returns>
    /// <exception cref="AppException">no_usable_weights: what was asked for is not there.</exception>
    public WeightChoice? ChooseWeights(string? wanted, long availableBytes)
    {
        if (Weights.Count == 0)
            return null;
        IReadOnlyList<WeightChoice> matching = WeightFiles.Matching(Weights, wanted);
        if (matching.Count == 0)
        {
            requireKnown?.Invoke(wanted!);
            throw new AppException(FailureCode.NoUsableWeights, $"'{model}' has no weights '{wanted}'. It has {string.Join(", ", Weights.Select(Describe))}. The model exists, and a token is not the reason.")
            {
                Parameter = "weights",
                Remedy = $"Choose one of them, such as --weights {WordFor(Weights[0])}, or leave --weights out.",
            };
        }
        WeightChoice choice = matching[0].Format == WeightFormat.Gguf ? matching.FirstOrDefault(c => sizes[c.Files[0]] <= availableBytes) ?? matching[^1] : matching[0];
        return choice with { IsSelfContained = choice.Format == WeightFormat.Gguf && !HasConfiguration };
    }

    /// <summary>The weight files that a load takes.</summary>
    /// <param name="weights">The set.</param>
    /// <param name="folder">Where the index lies, when there is one.</param>
    /// <exception cref="AppException">no_usable_weights: a shard is missing.</exception>
    public IReadOnlyList<string> FilesOf(WeightChoice weights, string folder)
    {
        IReadOnlyList<string> shards = weights.FilesIn(folder);
        string[] absent = [.. shards.Where(shard => !sizes.ContainsKey(shard))];
        if (absent.Length > 0)
            requireKnown?.Invoke(absent[0]);
        return absent.Length == 0 ? shards : throw new AppException(FailureCode.NoUsableWeights,
            $"'{model}' lacks {absent.Length} of the {shards.Count} weight files that its index names, such as '{absent[0]}'. The model exists, and a token is not the reason.")
        {
            Remedy = "Choose a repository that is complete, or download the missing files.",
        };
    }

    /// <summary>The weights of the modules of an embedder; those of a folder are not among its files.</summary>
    /// <param name="folders">The folders of the modules.</param>
    /// <exception cref="AppException">no_usable_weights: a module has none.</exception>
    public IReadOnlyList<string> ModuleWeights(IReadOnlyList<string> folders)
    {
        List<string> found = [];
        foreach (string folder in folders)
        {
            IReadOnlyList<string> candidates = SentenceFiles.WeightsOf(folder);
            if (candidates.FirstOrDefault(sizes.ContainsKey) is { } path)
                found.Add(path);
            else if (requireKnown is not null)
            {
                requireKnown(candidates[0]);
                throw new AppException(FailureCode.NoUsableWeights, $"'{model}' has no weights of its module '{folder}' ({string.Join(", ", candidates)}). The model exists, and a token is not the reason.")
                {
                    Remedy = "Choose a repository that is complete.",
                };
            }
        }
        return found;
    }

    /// <summary>The other sets of weights, and what could be taken for weights but cannot be read; empty when there is nothing.</summary>
    public string OthersThan(WeightChoice? chosen)
    {
        string[] sets = [.. Weights.Where(w => chosen is null || w with { IsSelfContained = chosen.IsSelfContained } != chosen).Select(Describe)];
        HashSet<string> readable = new(Weights.SelectMany(w => w.Files), StringComparer.Ordinal);
        // Shards belong to their index.
        bool hasIndex = Weights.Any(w => w.Index is not null);
        string[] others = [.. sizes.Keys.Where(path => !readable.Contains(path) && !(hasIndex && path.Contains("-of-", StringComparison.Ordinal))).Order(StringComparer.Ordinal)
            .Select(path => (Path: path, Format: OtherFormats.FirstOrDefault(f => path.EndsWith(f.Ending, StringComparison.OrdinalIgnoreCase)).Format))
            .Where(file => file.Format is not null).Select(file => $"{file.Path} ({file.Format})")];
        string also = sets.Length == 0 ? "" : $"Also there (--weights): {string.Join(", ", sets.Take(MaxNamed))}{More(sets)}.";
        string unread = others.Length == 0 ? "" : $"Present but not read: {string.Join(", ", others.Take(MaxNamed))}{More(others)}.";
        return $"{also} {unread}".Trim();
    }

    private static string More(string[] names) => names.Length > MaxNamed ? $" and {names.Length - MaxNamed} more" : "";

    private string Describe(WeightChoice weights) => $"{WordFor(weights)} ({weights.Name})";

    /// <summary>A word that chooses this set and no other: the variant, else the format, else the file.</summary>
    private string WordFor(WeightChoice weights) =>
        new[] { weights.Variant, weights.Format.ToString().ToLowerInvariant() }.FirstOrDefault(word => WeightFiles.Matching(Weights, word) is [var first, ..] && first == weights)
            ?? weights.Index ?? weights.Files[0];

    /// <summary>Whether a tokenizer has to be among the files: a GGUF file has its own.</summary>
    public bool LacksTokenizer(WeightChoice? weights, bool skipTokenizer) => !HasTokenizer && !skipTokenizer && weights?.Format != WeightFormat.Gguf;

    // A link to what is not there any more is no file.
    private static bool IsThere(string path) => File.Exists(path) && new FileInfo(path).ResolveLinkTarget(returnFinalTarget: true) is not { Exists: false };

    private static long SizeOf(string path)
    {
        FileInfo file = new(path);
        return (file.ResolveLinkTarget(returnFinalTarget: true) as FileInfo ?? file).Length;
    }

    private static bool IsMoreTemplate(string path) =>
        path.StartsWith(MoreTemplates, StringComparison.Ordinal) && path.EndsWith(".jinja", StringComparison.Ordinal) && path.LastIndexOf('/') == MoreTemplates.Length - 1;

    private string[] Present(IEnumerable<string> names) => [.. names.Where(sizes.ContainsKey)];

    private AppException Missing(WeightChoice? weights, bool skipTokenizer)
    {
        bool hasWeights = weights is not null;
        requireKnown?.Invoke(!HasConfiguration ? ConfigurationName : !hasWeights ? WeightFiles.SingleFileName : TokenizerName);
        List<string> missing = [];
        if (!HasConfiguration)
            missing.Add($"no {ConfigurationName}, which tells the architecture");
        if (!hasWeights)
            missing.Add($"no weights that this service reads ({WeightFiles.SingleFileName}, pytorch_model.bin, onnx/*.onnx, *.gguf)");
        bool onlyTokenizer = missing.Count == 0;
        if (!HasTokenizer && !skipTokenizer)
            missing.Add($"no tokenizer ({TokenizerName})");
        string others = hasWeights || OthersThan(null) is not { Length: > 0 } text ? "" : " " + text;
        return new(FailureCode.NoUsableWeights, $"'{model}' has {string.Join(" and ", missing)}.{others} The model exists, and a token is not the reason.")
        {
            Remedy = onlyTokenizer
                ? "Serve it with --skip-tokenizer-init and send token ids, or choose a model that has one."
                : $"Choose a model that has {ConfigurationName}, {TokenizerName} and such weights, or a GGUF file in one part of the types F16, Q8_0, Q6_K, Q5_0, Q5_1, Q4_0 or Q4_1.",
        };
    }
}
