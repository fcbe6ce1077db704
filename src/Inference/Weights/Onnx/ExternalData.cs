namespace LlmService.Inference.Weights.Onnx;

/// <summary>The data files that belong to a graph: those of the same folder that were chosen with it.</summary>
/// <param name="graph">The graph's file.</param>
/// <param name="files">The chosen data files by their plain names.</param>
internal sealed class ExternalData(string graph, IReadOnlyDictionary<string, MappedFile> files)
{
    /// <summary>The file of a place. A name that is not one of the chosen files is refused, whatever it looks like: no path is ever made from it.</summary>
    /// <exception cref="InferenceException">CorruptModel, NoUsableWeights.</exception>
    public MappedFile Find(string location, string tensor)
    {
        if (location.Length == 0 || location.AsSpan().ContainsAny('/', '\\', ':') || location is "." or "..")
        {
            throw new InferenceException(InferenceFailure.CorruptModel, $"'{graph}' places '{tensor}' in '{location}', which is no file of its own folder.")
            {
                File = graph,
                Tensor = tensor,
            };
        }
        return files.TryGetValue(location, out MappedFile? file) ? file
            : throw new InferenceException(InferenceFailure.NoUsableWeights, $"'{graph}' places '{tensor}' in '{location}', which is not among its data files.")
            {
                File = graph,
                Tensor = tensor,
                Remedy = $"Download '{location}' into the folder of the graph. It must be called as exporters call it: the graph's name with _data or .data behind it.",
            };
    }
}
