using System.Text.Json;
using LlmService.Inference.Configuration;

namespace LlmService.Inference.Weights;

/// <summary>Which files of a repository hold the weights: all sets of them that can be read, the preferred one first.</summary>
public static class WeightFiles
{
    /// <summary>The shard index of a sharded safetensors checkpoint.</summary>
    public const string IndexFileName = "model.safetensors.index.json";

    /// <summary>The one file of an unsharded safetensors checkpoint.</summary>
    public const string SingleFileName = "model.safetensors";

    /// <summary>The shard index of a sharded PyTorch checkpoint.</summary>
    public const string PyTorchIndexFileName = "pytorch_model.bin.index.json";

    private const string PyTorchFileName = "pytorch_model.bin";
    private const string OnnxFolder = "onnx/";
    private const int MaxShards = 10_000;

    // As transformers.js names them, in the order of preference on a CPU: its own default first, then the most exact.
    private static readonly (string Suffix, string Variant)[] OnnxVariants =
        [("_quantized", "q8"), ("_int8", "int8"), ("", "fp32"), ("_fp16", "fp16"), ("_uint8", "uint8"), ("_q4", "q4"), ("_q4f16", "q4f16")];

    // The most exact first.
    private static readonly string[] GgufVariants = ["f32", "bf16", "f16", "q8_0", "q6_k", "q5_1", "q5_0", "q4_1", "q4_0"];

    // Other words for a variant.
    private static readonly Dictionary<string, string[]> Synonyms = new(StringComparer.OrdinalIgnoreCase)
    {
        ["model"] = ["model", "fp32"],
        ["fp16"] = ["fp16", "f16"],
        ["f16"] = ["f16", "fp16"],
        ["fp32"] = ["fp32", "f32"],
        ["f32"] = ["f32", "fp32"],
        ["q8"] = ["q8", "int8", "q8_0"],
        ["int8"] = ["int8", "q8", "q8_0"],
        ["q4"] = ["q4", "q4f16", "q4_0", "q4_1"],
    };

    /// <summary>All sets of weights of a repository or folder that can be read, the preferred one first: safetensors, PyTorch, ONNX (8 bit first), GGUF (the most exact first).</summary>
    /// <param name="paths">The files, relative, with <c>/</c>.</param>
    public static IReadOnlyList<WeightChoice> List(IReadOnlyCollection<string> paths)
    {
        HashSet<string> names = new(paths, StringComparer.Ordinal);
        List<WeightChoice> found = [];
        AddCheckpoints(found, names, WeightFormat.Safetensors, SingleFileName, IndexFileName, "model.fp16.safetensors");
        AddCheckpoints(found, names, WeightFormat.PyTorch, PyTorchFileName, PyTorchIndexFileName, "pytorch_model.fp16.bin");
        foreach ((string suffix, string variant) in OnnxVariants)
        {
            if (OnnxFiles(names, suffix) is { Count: > 0 } files)
                found.Add(new() { Format = WeightFormat.Onnx, Variant = variant, Files = files });
        }
        found.AddRange(names.Where(IsGguf).Select(Gguf).OrderBy(choice => Array.IndexOf(GgufVariants, choice.Variant) is var rank && rank < 0 ? GgufVariants.Length : rank)
            .ThenBy(choice => choice.Files[0], StringComparer.Ordinal));
        return found;
    }

    /// <summary>The files of a folder among which weights are looked for: its own, and those of <c>onnx/</c>.</summary>
    public static IEnumerable<string> FilesOf(string folder)
    {
        IEnumerable<string> files = Directory.EnumerateFiles(folder).Select(path => Path.GetFileName(path));
        string onnx = Path.Combine(folder, OnnxFolder);
        return Directory.Exists(onnx) ? files.Concat(Directory.EnumerateFiles(onnx).Select(path => OnnxFolder + Path.GetFileName(path))) : files;
    }

    /// <summary>The preferred weights of a folder.</summary>
    /// <exception cref="InferenceException">NoUsableWeights.</exception>
    public static WeightChoice Preferred(string folder) => List([.. FilesOf(folder)]) is [var first, ..] ? first
        : throw new InferenceException(InferenceFailure.NoUsableWeights, $"'{folder}' has no weights in a format that is read: {SingleFileName}, {PyTorchFileName}, {OnnxFolder}*.onnx, *.gguf.")
        {
            File = Path.Combine(folder, SingleFileName),
            Remedy = "Name a folder with the weights.",
        };

    /// <summary>The sets that a user's word means: a variant (<c>model</c>, <c>q8</c>, <c>q4</c>, <c>fp16</c>), a format, or a file's name.</summary>
    /// <param name="choices">What there is.</param>
    /// <param name="wanted">The word; null for all.</param>
    public static IReadOnlyList<WeightChoice> Matching(IReadOnlyList<WeightChoice> choices, string? wanted)
    {
        if (wanted is null)
            return choices;
        WeightChoice[] byFile = [.. choices.Where(choice => choice.Index == wanted || choice.Files.Contains(wanted, StringComparer.Ordinal)
            || choice.Files.Any(file => file.StartsWith(OnnxFolder, StringComparison.Ordinal) && file[OnnxFolder.Length..] == wanted))];
        if (byFile.Length > 0)
            return byFile;
        string[] words = Synonyms.GetValueOrDefault(wanted, [wanted]);
        return [.. words.SelectMany(word => choices.Where(choice =>
            choice.Variant.Equals(word, StringComparison.OrdinalIgnoreCase) || choice.Format.ToString().Equals(word, StringComparison.OrdinalIgnoreCase)))];
    }

    /// <summary>The choice of a single <c>.gguf</c> file.</summary>
    public static WeightChoice Gguf(string path) => new() { Format = WeightFormat.Gguf, Variant = GgufVariant(path), Files = [path] };

    /// <summary>The shards that an index names, each once, sorted; refuses names that leave the folder.</summary>
    /// <param name="indexPath">The index.</param>
    /// <param name="ending">The ending that the shards must have.</param>
    /// <exception cref="InferenceException">CorruptModel, NoUsableWeights.</exception>
    public static IReadOnlyList<string> ReadIndex(string indexPath, string ending)
    {
        ConfigReader index = ConfigReader.Open(indexPath)
            ?? throw new InferenceException(InferenceFailure.NoUsableWeights, $"'{indexPath}' is missing.") { File = indexPath };
        if (index.Find("weight_map") is not { ValueKind: JsonValueKind.Object } map)
            throw new InferenceException(InferenceFailure.CorruptModel, $"'{indexPath}': the field 'weight_map' must be an object of tensor names and file names.") { File = indexPath, Field = "weight_map" };
        SortedSet<string> shards = new(StringComparer.Ordinal);
        foreach (JsonProperty entry in map.EnumerateObject())
        {
            if (entry.Value.ValueKind != JsonValueKind.String || !IsPlainName(entry.Value.GetString()!, ending))
                throw new InferenceException(InferenceFailure.CorruptModel, $"'{indexPath}': the tensor '{entry.Name}' is not in a file of the same folder.") { File = indexPath, Tensor = entry.Name };
            shards.Add(entry.Value.GetString()!);
            if (shards.Count > MaxShards)
                throw new InferenceException(InferenceFailure.CorruptModel, $"'{indexPath}' names more than {MaxShards} files.") { File = indexPath };
        }
        return shards.Count > 0 ? [.. shards]
            : throw new InferenceException(InferenceFailure.CorruptModel, $"'{indexPath}': the field 'weight_map' names no file.") { File = indexPath, Field = "weight_map" };
    }

    private static void AddCheckpoints(List<WeightChoice> found, HashSet<string> names, WeightFormat format, string single, string index, string half)
    {
        if (names.Contains(single))
            found.Add(new() { Format = format, Variant = "model", Files = [single] });
        else if (names.Contains(index))
            found.Add(new() { Format = format, Variant = "model", Index = index });
        if (names.Contains(half))
            found.Add(new() { Format = format, Variant = "fp16", Files = [half] });
    }

    /// <summary>The graphs of one variant with their external data: encoder and decoder, or one model. What is not needed for the weights is left out.</summary>
    private static List<string> OnnxFiles(HashSet<string> names, string suffix)
    {
        string? decoder = First(names, $"{OnnxFolder}decoder_model_merged{suffix}.onnx", $"{OnnxFolder}decoder_model{suffix}.onnx");
        string? encoder = First(names, $"{OnnxFolder}encoder_model{suffix}.onnx");
        string? model = First(names, $"{OnnxFolder}model{suffix}.onnx", $"model{suffix}.onnx");
        string[] graphs = encoder is not null && decoder is not null ? [encoder, decoder] : model is not null ? [model] : decoder is not null && encoder is null ? [decoder] : [];
        return [.. graphs.SelectMany(graph => names.Where(name => name.StartsWith(graph + "_data", StringComparison.Ordinal) || name == graph + ".data")
            .Order(StringComparer.Ordinal).Prepend(graph))];
    }

    private static string? First(HashSet<string> names, params ReadOnlySpan<string> candidates)
    {
        foreach (string candidate in candidates)
        {
            if (names.Contains(candidate))
                return candidate;
        }
        return null;
    }

    // Shards of a GGUF file have their own numbering, and projectors of images are no text models.
    private static bool IsGguf(string path) => path.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase) && !path.Contains('/', StringComparison.Ordinal)
        && !IsShard(path) && !path.StartsWith("mmproj", StringComparison.OrdinalIgnoreCase)
        && (GgufVariants.Contains(GgufVariant(path)) || !LooksQuantised(path));

    /// <summary>Whether a file is one of several parts, by its name: <c>NAME-00001-of-00003.gguf</c>.</summary>
    private static bool IsShard(string path)
    {
        string[] parts = Path.GetFileNameWithoutExtension(path).Split('-');
        return parts is [.., var number, "of", var count] && IsNumber(number) && IsNumber(count);

        static bool IsNumber(string text) => text.Length == 5 && text.All(char.IsAsciiDigit);
    }

    private static string GgufVariant(string path)
    {
        string name = Path.GetFileNameWithoutExtension(path).ToLowerInvariant();
        return GgufVariants.FirstOrDefault(variant => name.EndsWith(variant, StringComparison.Ordinal) && (name.Length == variant.Length || !char.IsAsciiLetterOrDigit(name[^(variant.Length + 1)])))
            ?? "gguf";
    }

    // Q4_K_M, IQ3_XS, TQ1_0: the letters, a number of bits, and an underscore.
    private static bool LooksQuantised(string path) => path.Split('.', '-').Any(part =>
    {
        string bits = part.TrimStart('i', 'I', 't', 'T');
        return bits.Length > 2 && part.Length - bits.Length <= 1 && (bits[0] is 'q' or 'Q') && char.IsAsciiDigit(bits[1]) && bits[2] == '_';
    });

    private static bool IsPlainName(string name, string ending) =>
        name.EndsWith(ending, StringComparison.Ordinal) && name.Length < 256
        && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.') && !name.StartsWith('.');
}
