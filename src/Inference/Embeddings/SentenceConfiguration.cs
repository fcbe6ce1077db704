using System.Text.Json;
using LlmService.Inference.Configuration;

namespace LlmService.Inference.Embeddings;

/// <summary>What happens to a vector once the states of a text have become one.</summary>
internal abstract record VectorModule;

/// <summary>The vector gets the length 1.</summary>
internal sealed record NormalizeModule : VectorModule;

/// <summary>A projection, <c>activation(weight · vector + bias)</c>.</summary>
/// <param name="Folder">Where its weights lie.</param>
/// <param name="Inputs">Numbers of the vector.</param>
/// <param name="Outputs">Numbers of the new one.</param>
/// <param name="HasBias">Whether there is a bias.</param>
/// <param name="Activation">What follows; null for nothing.</param>
internal sealed record DenseModule(string Folder, int Inputs, int Outputs, bool HasBias, Activation? Activation) : VectorModule;

/// <summary>
/// What the sentence-transformers files of a repository say: <c>modules.json</c> with the <c>config.json</c> of each module, <c>sentence_bert_config.json</c>,
/// <c>config_sentence_transformers.json</c>. Without them texts are taken as they are, and pooled as models of their kind mostly are.
/// </summary>
internal sealed record SentenceConfiguration
{
    public const string ModulesFile = "modules.json";

    public const string PromptsFile = "config_sentence_transformers.json";

    private const int MaxModules = 16;
    private const int MaxPrompts = 1000;
    private const int MaxWidth = 1 << 17;

    /// <summary>The names that the settings of texts have gone by (sentence_transformers/models/Transformer.py).</summary>
    public static IReadOnlyList<string> TextFiles { get; } = ["sentence_bert_config.json", "sentence_roberta_config.json", "sentence_distilbert_config.json", "sentence_camembert_config.json",
        "sentence_albert_config.json", "sentence_xlm-roberta_config.json", "sentence_xlnet_config.json"];

    /// <summary>How states become one vector.</summary>
    public required PoolingConfiguration Pooling { get; init; }

    /// <summary>What happens to it then, in order.</summary>
    public IReadOnlyList<VectorModule> Modules { get; init; } = [];

    /// <summary>The longest text in tokens; null where the files do not say.</summary>
    public int? MaxTokens { get; init; }

    /// <summary>Whether texts are put into lower case.</summary>
    public bool LowersCase { get; init; }

    /// <summary>Whether white space at the ends of texts is left out, as sentence-transformers does.</summary>
    public bool Strips { get; init; }

    /// <summary>What can be put before texts, by name.</summary>
    public IReadOnlyDictionary<string, string> Prompts { get; init; } = new Dictionary<string, string>();

    /// <summary>The one that is put there unasked; null for none.</summary>
    public string? DefaultPrompt { get; init; }

    /// <summary>Reads the files of a folder.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="isCausal">Whether tokens see only what is before them: their last state is then taken by default.</param>
    /// <exception cref="InferenceException">CorruptModel; UnsupportedModelType: a module that is not built.</exception>
    public static SentenceConfiguration Load(string folder, bool isCausal)
    {
        SentenceConfiguration texts = Prompting(folder, Texts(folder, new() { Pooling = new([isCausal ? Embeddings.Pooling.Last : Embeddings.Pooling.Mean]), Modules = [new NormalizeModule()] }));
        if (ConfigReader.OpenList(Path.Combine(folder, ModulesFile)) is not { } modules)
            return texts;
        if (modules.Count > MaxModules)
            throw new InferenceException(InferenceFailure.CorruptModel, $"'{Path.Combine(folder, ModulesFile)}' has {modules.Count} modules; at most {MaxModules} were expected.") { File = Path.Combine(folder, ModulesFile) };
        List<VectorModule> after = [];
        PoolingConfiguration? pooling = null;
        foreach (ConfigReader module in modules)
        {
            string type = (module.Text("type") ?? "").Split('.')[^1];
            switch (type)
            {
                // Dropout is for training.
                case "Transformer" or "Dropout":
                    break;
                case "Pooling" when pooling is null:
                    pooling = PoolingConfiguration.Read(Settings(folder, module));
                    break;
                case "Normalize" when pooling is not null:
                    after.Add(new NormalizeModule());
                    break;
                case "Dense" when pooling is not null:
                    after.Add(Dense(Path.Combine(folder, Inside(module)), Settings(folder, module)));
                    break;
                case "Normalize" or "Dense" or "Pooling":
                    throw module.Unsupported("type", type, pooling is null ? "Pooling before it" : "one Pooling");
                default:
                    throw module.Unsupported("type", type, "Transformer, Pooling, Dense, Normalize, Dropout");
            }
        }
        return texts with { Pooling = pooling ?? texts.Pooling, Modules = after, Strips = true };
    }

    private static SentenceConfiguration Texts(string folder, SentenceConfiguration configuration) =>
        TextFiles.Select(name => ConfigReader.Open(Path.Combine(folder, name))).FirstOrDefault(file => file is not null) is not { } config ? configuration
            : configuration with { MaxTokens = config.Integer("max_seq_length", 1, int.MaxValue), LowersCase = config.Boolean("do_lower_case") ?? false };

    private static SentenceConfiguration Prompting(string folder, SentenceConfiguration configuration)
    {
        if (ConfigReader.Open(Path.Combine(folder, PromptsFile)) is not { } config)
            return configuration;
        Dictionary<string, string> prompts = new(StringComparer.Ordinal);
        if (config.Find("prompts") is { } found)
        {
            if (found.ValueKind != JsonValueKind.Object || found.EnumerateObject().Take(MaxPrompts + 1).Count() > MaxPrompts || found.EnumerateObject().Any(prompt => prompt.Value.ValueKind != JsonValueKind.String))
                throw config.Wrong("prompts", $"an object of at most {MaxPrompts} texts by name", found);
            foreach (JsonProperty prompt in found.EnumerateObject())
                prompts[prompt.Name] = prompt.Value.GetString()!;
        }
        string? usual = config.Text("default_prompt_name");
        if (usual is not null && !prompts.ContainsKey(usual))
            throw config.Wrong("default_prompt_name", $"one of the prompts ({string.Join(", ", prompts.Keys)})", config.Find("default_prompt_name")!.Value);
        return configuration with { Prompts = prompts, DefaultPrompt = usual };
    }

    private static DenseModule Dense(string folder, ConfigReader config)
    {
        // What is made of tokens, and not of texts, is for other uses.
        config.Require("module_input_name", "sentence_embedding");
        config.Require("module_output_name", "sentence_embedding");
        string activation = (config.Text("activation_function") ?? "Tanh").Split('.')[^1];
        return new(folder, config.RequiredInteger("in_features", 1, MaxWidth), config.RequiredInteger("out_features", 1, MaxWidth), config.Boolean("bias") ?? true, activation switch
        {
            "Identity" => null,
            "Tanh" => Activation.Tanh,
            "ReLU" => Activation.Relu,
            "SiLU" => Activation.Silu,
            "GELU" => Activation.Gelu,
            _ => throw config.Unsupported("activation_function", activation, "Identity, Tanh, ReLU, SiLU, GELU"),
        });
    }

    private static ConfigReader Settings(string folder, ConfigReader module)
    {
        string path = Path.Combine(folder, Inside(module), ModelConfiguration.FileName);
        return ConfigReader.Open(path) ?? throw new InferenceException(InferenceFailure.CorruptModel, $"'{path}' is missing, which {ModulesFile} names.")
        {
            File = path,
            Remedy = "Download the model again, with the folders of its modules.",
        };
    }

    // The folder of a module comes from the repository: it stays inside of the model's.
    private static string Inside(ConfigReader module)
    {
        string path = module.Text("path") ?? "";
        return path.Length is > 0 and < 64 && path.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-') ? path : throw module.Unsupported("path", path, "names of letters, digits, - and _");
    }
}
