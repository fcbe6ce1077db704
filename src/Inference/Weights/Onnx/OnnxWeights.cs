namespace LlmService.Inference.Weights.Onnx;

/// <summary>Reads the weights of exported graphs (optimum, ONNX Runtime's model builder) under the names of published checkpoints. The graphs themselves are not run.</summary>
internal static class OnnxWeights
{
    /// <summary>Reads all graphs of a set of weights.</summary>
    /// <param name="files">The mapped files, graphs and external data.</param>
    /// <exception cref="InferenceException">CorruptModel, NoUsableWeights.</exception>
    public static IReadOnlyList<StoredTensor> Read(IReadOnlyList<MappedFile> files)
    {
        Dictionary<string, MappedFile> data = files.Where(file => !IsGraph(file)).ToDictionary(file => Path.GetFileName(file.Path), StringComparer.Ordinal);
        return [.. files.Where(IsGraph).SelectMany(file => Read(file, data))];
    }

    private static IEnumerable<StoredTensor> Read(MappedFile file, IReadOnlyDictionary<string, MappedFile> data)
    {
        OnnxGraph graph = new OnnxParser(file, new ExternalData(file.Path, data)).Read();
        return new GraphWeights(file.Path, RoleNames.For(Path.GetFileName(file.Path))).Find(graph);
    }

    private static bool IsGraph(MappedFile file) => file.Path.EndsWith(".onnx", StringComparison.Ordinal);
}
