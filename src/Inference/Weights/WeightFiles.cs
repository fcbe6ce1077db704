using System.Text.Json;
using LlmService.Inference.Configuration;

namespace LlmService.Inference.Weights;

/// <summary>Which files of a repository hold the weights.</summary>
public static class WeightFiles
{
    /// <summary>The shard index of a sharded checkpoint.</summary>
    public const string IndexFileName = "model.safetensors.index.json";

    /// <summary>The one file of an unsharded checkpoint.</summary>
    public const string SingleFileName = "model.safetensors";

    private const int MaxShards = 10_000;

    /// <summary>The shards that an index names, each once, sorted; refuses names that leave the folder.</summary>
    /// <exception cref="InferenceException">CorruptModel.</exception>
    public static IReadOnlyList<string> ReadIndex(string indexPath)
    {
        ConfigReader index = ConfigReader.Open(indexPath)
            ?? throw new InferenceException(InferenceFailure.NoUsableWeights, $"'{indexPath}' is missing.") { File = indexPath };
        if (index.Find("weight_map") is not { ValueKind: JsonValueKind.Object } map)
            throw new InferenceException(InferenceFailure.CorruptModel, $"'{indexPath}': the field 'weight_map' must be an object of tensor names and file names.") { File = indexPath, Field = "weight_map" };
        SortedSet<string> shards = new(StringComparer.Ordinal);
        foreach (JsonProperty entry in map.EnumerateObject())
        {
            if (entry.Value.ValueKind != JsonValueKind.String || !IsPlainName(entry.Value.GetString()!))
                throw new InferenceException(InferenceFailure.CorruptModel, $"'{indexPath}': the tensor '{entry.Name}' is not in a file of the same folder.") { File = indexPath, Tensor = entry.Name };
            shards.Add(entry.Value.GetString()!);
            if (shards.Count > MaxShards)
                throw new InferenceException(InferenceFailure.CorruptModel, $"'{indexPath}' names more than {MaxShards} files.") { File = indexPath };
        }
        return shards.Count > 0 ? [.. shards]
            : throw new InferenceException(InferenceFailure.CorruptModel, $"'{indexPath}': the field 'weight_map' names no file.") { File = indexPath, Field = "weight_map" };
    }

    private static bool IsPlainName(string name) =>
        name.EndsWith(".safetensors", StringComparison.Ordinal) && name.Length < 256
        && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.') && !name.StartsWith('.');
}
