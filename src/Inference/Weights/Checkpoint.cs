using LlmService.Inference.Weights.Gguf;

namespace LlmService.Inference.Weights;

/// <summary>The tensors of a model folder, of one file or of several shards. Tensors are asked for by name and shape; what nobody asked for is an error.</summary>
internal sealed class Checkpoint : IDisposable
{
    private readonly string _folder;
    private readonly List<TensorBytes> _files = [];
    private readonly Dictionary<string, StoredTensor> _tensors = new(StringComparer.Ordinal);
    private readonly HashSet<string> _used = new(StringComparer.Ordinal);

    private Checkpoint(string folder) => _folder = folder;

    /// <summary>How the largest tensor is stored.</summary>
    public TensorType MainType => _tensors.Values.MaxBy(t => t.ByteCount)?.Type ?? TensorType.F32;

    /// <summary>Numbers in all tensors that were asked for.</summary>
    public long ParameterCount => _used.Sum(name => _tensors[name].ElementCount);

    /// <summary>Bytes of all tensors that were asked for.</summary>
    public long ByteCount => _used.Sum(name => _tensors[name].ByteCount);

    /// <summary>Maps the weight files of a folder.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="choice">Which of its files.</param>
    /// <exception cref="InferenceException">NoUsableWeights, CorruptModel.</exception>
    public static Checkpoint Open(string folder, WeightChoice choice)
    {
        Checkpoint checkpoint = new(folder);
        try
        {
            foreach (string name in choice.FilesIn(folder))
                checkpoint.Add(Path.Combine(folder, name), choice.Format);
            return checkpoint;
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }
    }

    /// <summary>Bytes of all tensors of the files.</summary>
    public long StoredBytes => _tensors.Values.Sum(tensor => tensor.ByteCount);

    public bool Has(string name) => _tensors.ContainsKey(name);

    /// <summary>A tensor that must be there in this shape.</summary>
    /// <exception cref="InferenceException">CorruptModel.</exception>
    public StoredTensor Get(string name, params ReadOnlySpan<long> shape)
    {
        if (!_tensors.TryGetValue(name, out StoredTensor? tensor))
        {
            throw new InferenceException(InferenceFailure.CorruptModel, $"The weights of '{_folder}' lack the tensor '{name}', which the architecture needs.")
            {
                File = _folder,
                Tensor = name,
                Remedy = "Check that config.json belongs to these weights and that all files are complete.",
            };
        }
        if (!shape.SequenceEqual(tensor.Shape.ToArray()))
        {
            throw new InferenceException(InferenceFailure.CorruptModel,
                $"'{tensor.File.Path}': the tensor '{name}' has the shape {tensor.ShapeText}; config.json asks for [{string.Join(", ", shape.ToArray())}].")
            { File = tensor.File.Path, Tensor = name };
        }
        _used.Add(name);
        return tensor;
    }

    /// <summary>Refuses tensors that nobody asked for: weights that are silently left out give wrong answers.</summary>
    /// <param name="harmless">Whether a tensor of this name may be left out: a copy of another, or a buffer that is computed.</param>
    public void CheckAllUsed(Func<string, bool> harmless)
    {
        string[] left = [.. _tensors.Keys.Where(name => !_used.Contains(name) && !harmless(name)).Order(StringComparer.Ordinal)];
        if (left.Length == 0)
            return;
        throw new InferenceException(InferenceFailure.CorruptModel,
            $"The weights of '{_folder}' have {left.Length} tensors that the architecture does not know: {string.Join(", ", left.Take(5))}{(left.Length > 5 ? ", …" : "")}.")
        {
            File = _folder,
            Tensor = left[0],
            Remedy = "Check that config.json belongs to these weights; adapters and other heads are not supported.",
        };
    }

    public void Dispose() => _files.ForEach(file => file.Dispose());

    private void Add(string path, WeightFormat format)
    {
        MappedFile file = MappedFile.Open(path);
        _files.Add(file);
        foreach (StoredTensor tensor in Read(file, format))
        {
            if (!_tensors.TryAdd(tensor.Name, tensor))
                throw new InferenceException(InferenceFailure.CorruptModel, $"'{path}': the tensor '{tensor.Name}' is in another shard too.") { File = path, Tensor = tensor.Name };
        }
    }

    private static IReadOnlyList<StoredTensor> Read(MappedFile file, WeightFormat format) => format switch
    {
        WeightFormat.Safetensors => SafetensorsFile.Read(file),
        WeightFormat.Gguf => GgufTensors.Read(file),
        _ => throw new InvalidOperationException($"no reader of {format}"),
    };
}
