namespace LlmService.Inference.Weights;

/// <summary>Which files of a repository hold the weights.</summary>
public static class WeightFiles
{
    /// <summary>The shard index of a sharded checkpoint.</summary>
    public const string IndexFileName = "model.safetensors.index.json";

    /// <summary>The one file of an unsharded checkpoint.</summary>
    public const string SingleFileName = "model.safetensors";

    /// <summary>The shards that an index names, each once, sorted; refuses names that leave the folder.</summary>
    /// <exception cref="InferenceException">CorruptModel.</exception>
    public static IReadOnlyList<string> ReadIndex(string indexPath) => throw new NotSupportedException();
}
