using LlmService.Inference.Architectures;
using LlmService.Inference.Embeddings;
using LlmService.Inference.Execution;

namespace LlmService.Inference.Configuration;

/// <summary>What <c>config.json</c> says: the architecture and its sizes, checked.</summary>
public sealed record ModelConfiguration
{
    internal const string FileName = "config.json";

    private static readonly string[] T5Types = ["t5", "mt5", "umt5"];
    private static readonly string[] BartTypes = ["bart", "mbart", "marian", "m2m_100", "pegasus", "blenderbot"];

    /// <summary>The model types that run, as config.json spells them.</summary>
    public static IReadOnlyList<string> SupportedModelTypes { get; } = [.. DecoderArchitectures.All.Keys, .. T5Types, .. BartTypes, .. EncoderArchitectures.All.Keys];

    /// <summary><c>model_type</c>.</summary>
    public required string ModelType { get; init; }

    /// <summary>The sizes of a decoder-only model; null for others.</summary>
    internal DecoderConfiguration? Decoder { get; init; }

    /// <summary>The sizes of a T5 model; null for others.</summary>
    internal T5Configuration? T5 { get; init; }

    /// <summary>The sizes of a BART or one of its like; null for others.</summary>
    internal BartConfiguration? Bart { get; init; }

    /// <summary>The sizes of an encoder; null for others.</summary>
    internal EncoderConfiguration? Encoder { get; init; }

    /// <summary>Whether the model turns texts into vectors or scores, and generates none.</summary>
    public bool IsEmbedder => Sentences is not null;

    /// <summary>How texts are prepared and how their states become vectors; null for a model that generates.</summary>
    internal SentenceConfiguration? Sentences { get; init; }

    /// <summary>The folders of modules that have weights of their own, relative to the model's; see <see cref="SentenceFiles.WeightsOf"/>.</summary>
    public IReadOnlyList<string> ModuleFolders => [.. Sentences?.Modules.OfType<DenseModule>().Select(module => Path.GetFileName(module.Folder)) ?? []];

    /// <summary>How weights are scaled that are stored as FP8; null where config.json knows of none.</summary>
    internal Float8Configuration? Float8 { get; init; }

    /// <summary>What the layers keep in the cache.</summary>
    internal CacheLayer[] CacheLayers => IsEmbedder ? [] : T5?.CacheLayers ?? Bart?.CacheLayers ?? Decoder?.CacheLayers ?? [];

    /// <summary>The longest sequence by default (encoder-decoders: the longest answer).</summary>
    internal int ContextTokens => Math.Min(Sentences?.MaxTokens ?? int.MaxValue,
        (IsEmbedder ? T5?.PromptLength : T5?.AnswerLength) ?? Bart?.ContextLength ?? Decoder?.ContextLength ?? Encoder!.ContextLength);

    /// <summary>The longest encoder input by default; 0 for decoder-only models.</summary>
    internal int EncoderTokens => IsEmbedder ? 0 : T5?.PromptLength ?? Bart?.ContextLength ?? 0;

    /// <summary>Reads <c>config.json</c> of a folder and checks that the architecture is known and that no setting is left unhonoured.</summary>
    /// <exception cref="InferenceException">NoUsableWeights without config.json; CorruptModel; UnsupportedModelType.</exception>
    public static ModelConfiguration Load(string folder)
    {
        string path = Path.Combine(folder, FileName);
        ConfigReader config = ConfigReader.Open(path)
            ?? throw new InferenceException(InferenceFailure.NoUsableWeights, $"'{path}' is missing, so the architecture is not known.")
            {
                File = path,
                Remedy = "Name a folder in Hub layout: config.json, model.safetensors, tokenizer.json.",
            };
        string type = config.Text("model_type")
            ?? throw new InferenceException(InferenceFailure.CorruptModel, $"'{path}': the field 'model_type' is missing.") { File = path, Field = "model_type" };
        ModelConfiguration model = type switch
        {
            _ when T5Types.Contains(type) => new() { ModelType = type, T5 = T5Configuration.Read(config, folder) with { ModelType = type, BiasInEveryLayer = type == "umt5" } },
            _ when BartTypes.Contains(type) => new() { ModelType = type, Bart = BartConfiguration.Read(config, folder) },
            _ when EncoderArchitectures.All.TryGetValue(type, out Func<ConfigReader, EncoderConfiguration>? encoder) => new() { ModelType = type, Encoder = encoder(config) },
            _ when DecoderArchitectures.All.TryGetValue(type, out Func<ConfigReader, DecoderConfiguration>? read) => new() { ModelType = type, Decoder = read(config) },
            _ => throw Unsupported(type, path, "model_type"),
        };
        if (model.Decoder?.Experts is { } experts)
            DecoderFields.Require(experts.PerToken <= experts.Count, config, "num_experts_per_tok", $"is {experts.PerToken}; there are {experts.Count} experts");
        bool isEmbedder = model.Encoder is not null || EmbedsByItsFiles(config, folder, model);
        // Decoders that were trained to look ahead too would give other vectors, and nobody would see it.
        if (isEmbedder && model.Decoder is not null)
        {
            config.Require("is_causal", "true");
            config.Require("use_bidirectional_attention", "false");
        }
        return model with
        {
            Float8 = Float8Configuration.Read(config),
            Sentences = isEmbedder ? SentenceConfiguration.Load(folder, isCausal: model.Decoder is not null) : null,
        };
    }

    // The encoder half of a T5, and decoders without a head or with files of sentence-transformers.
    private static bool EmbedsByItsFiles(ConfigReader config, string folder, ModelConfiguration model)
    {
        IReadOnlyList<string> classes = config.Texts("architectures") ?? [];
        if (model.T5 is not null)
            return classes.Any(name => name.EndsWith("EncoderModel", StringComparison.Ordinal));
        return model.Decoder is not null && (classes.Any(name => name.EndsWith("Model", StringComparison.Ordinal) && !name.EndsWith("HeadModel", StringComparison.Ordinal) && !name.EndsWith("HeadsModel", StringComparison.Ordinal))
            || File.Exists(Path.Combine(folder, SentenceConfiguration.ModulesFile)));
    }

    /// <summary>The refusal of an architecture.</summary>
    /// <param name="type">What the file calls it.</param>
    /// <param name="path">The file.</param>
    /// <param name="field">Where the file says so.</param>
    internal static InferenceException Unsupported(string type, string path, string field) => new(InferenceFailure.UnsupportedModelType,
        $"Unsupported model type: {ConfigReader.Quote(type)}. This service runs {string.Join(", ", SupportedModelTypes)}{Nearest(type)}. This is not an authentication problem: a token changes nothing.")
    {
        File = path,
        Field = field,
        Remedy = "Choose a model of a supported architecture, such as google/flan-t5-base or Qwen/Qwen2.5-0.5B-Instruct.",
    };

    /// <summary>The supported types that belong to the same family by their names, or differ by a letter or two.</summary>
    private static string Nearest(string type)
    {
        string family = FamilyOf(type);
        string[] near = [.. SupportedModelTypes.Where(known => FamilyOf(known) is var other
            && (type.EndsWith(known, StringComparison.Ordinal) || (other.Length > 1 && (family.StartsWith(other, StringComparison.Ordinal) || Distance(family, other) <= other.Length / 3))))];
        return near.Length == 0 ? "" : $"; the nearest {(near.Length == 1 ? "is" : "are")} {string.Join(", ", near)}";
    }

    // The letters before the first number.
    private static string FamilyOf(string type) => new([.. type.ToLowerInvariant().TakeWhile(char.IsAsciiLetter)]);

    /// <summary>How many letters are to be changed, added or left out (Levenshtein).</summary>
    private static int Distance(string a, string b)
    {
        // A name out of a file may be long; beyond this it is like nothing.
        if (a.Length > 32)
            return int.MaxValue;
        int[] row = [.. Enumerable.Range(0, b.Length + 1)];
        for (int i = 1; i <= a.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
                (diagonal, row[j]) = (row[j], Math.Min(Math.Min(row[j], row[j - 1]) + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)));
        }
        return row[^1];
    }

    /// <summary>The context that config.json states, by the names that architectures use for it.</summary>
    internal static int? ContextLength(ConfigReader config)
    {
        string[] names = ["max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "seq_length"];
        return names.Select(name => config.Integer(name, 1, 1 << 24)).FirstOrDefault(value => value is not null);
    }
}
