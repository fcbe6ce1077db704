using LlmService.Inference.Configuration;
using LlmService.Inference.Weights.Gguf;
using LlmService.Inference.Weights.Onnx;
using LlmService.Inference.Weights.PyTorch;
using LlmService.Inference.Weights.Tiles;

namespace LlmService.Inference.Weights;

/// <summary>The tensors of a model folder, of one file or of several shards. Tensors are asked for by name and shape; what nobody asked for is an error.</summary>
internal sealed class Checkpoint : IDisposable
{
    private const int MaxNamed = 5;

    private readonly string _folder;
    private readonly List<TensorBytes> _files = [];
    private readonly Dictionary<string, StoredTensor> _tensors = new(StringComparer.Ordinal);
    private readonly HashSet<string> _used = new(StringComparer.Ordinal);
    private readonly WeightFormat _format;
    private Func<IReadOnlyCollection<string>> _expected = () => [];

    private Checkpoint(string folder, WeightFormat format)
    {
        _folder = folder;
        _format = format;
    }

    /// <summary>Whether the head is one of its own whatever config.json says of it: a graph multiplies by the weights that it has, be they quantised in another way than the table.</summary>
    public bool HasOwnHead => _format == WeightFormat.Onnx && Has("lm_head.weight");

    /// <summary>Whether the encoder has a table of its own: the two graphs of a model hold one each, and each is used where it is.</summary>
    public bool HasEncoderTable => _format == WeightFormat.Onnx && Has("encoder.embed_tokens.weight");

    /// <summary>Whether the weights are of a GGUF file, whose matrices all lie along their inputs.</summary>
    public bool IsGguf => _format == WeightFormat.Gguf;

    /// <summary>Whether there are no weights, only the names and shapes that were asked for.</summary>
    public bool IsOutline { get; private init; }

    /// <summary>Where packed matrices are kept from run to run; null where they are not. It ends with the checkpoint.</summary>
    public TileStore? Tiles { get; set; }

    /// <summary>How the largest tensor that was asked for is stored.</summary>
    public TensorType MainType => _used.Select(name => _tensors[name]).MaxBy(t => t.ByteCount)?.Type ?? TensorType.F32;

    /// <summary>Numbers in all tensors that were asked for.</summary>
    public long ParameterCount => _used.Sum(name => _tensors[name].ElementCount);

    /// <summary>Bytes of all tensors that were asked for.</summary>
    public long ByteCount => _used.Sum(name => _tensors[name].ByteCount + _tensors[name].ScalingBytes);

    /// <summary>Maps the weight files of a folder.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="choice">Which of its files.</param>
    /// <exception cref="InferenceException">NoUsableWeights, CorruptModel.</exception>
    public static Checkpoint Open(string folder, WeightChoice choice)
    {
        Checkpoint checkpoint = new(folder, choice.Format);
        try
        {
            IEnumerable<string> paths = choice.FilesIn(folder).Select(name => Path.Combine(folder, name));
            if (choice.Format == WeightFormat.Onnx)
                checkpoint.Add([.. paths.Select(checkpoint.Map)]);
            else
            {
                foreach (string path in paths)
                    checkpoint.Add(path, choice.Format);
            }
            return checkpoint;
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }
    }

    /// <summary>A checkpoint without files: it has every tensor that is asked for, except copies, and all of them are zero. So a model's sizes can be told from its configuration.</summary>
    public static Checkpoint Outline() => new("", WeightFormat.Safetensors) { IsOutline = true };

    /// <summary>Bytes of all tensors of the files; those that share theirs count once.</summary>
    public long StoredBytes => _tensors.Values.DistinctBy(tensor => (tensor.File, tensor.Offset, tensor.ByteCount)).Sum(tensor => tensor.ByteCount + tensor.ScalingBytes);

    /// <summary>Gives the matrices that are stored as FP8 the scales that stand beside them.</summary>
    /// <exception cref="InferenceException">CorruptModel.</exception>
    public void JoinScales(Float8Configuration configuration) => Float8Scales.Join(_tensors, configuration);

    /// <summary>A prefix that a part of the names may have or lack: files of a model without its head leave it out.</summary>
    public string OptionalPrefix { get; set; } = "";

    // Of the two names that T5's table goes by, an outline has the usual one.
    public bool Has(string name) => IsOutline ? name == "shared.weight" : _tensors.ContainsKey(NameOf(name));

    /// <summary>All tensors that were asked for.</summary>
    public IReadOnlyCollection<StoredTensor> Used => [.. _used.Select(name => _tensors[name])];

    /// <summary>Tells where all names that will be asked for can be had, so that what is missing can be told at once.</summary>
    public void Expect(Func<IReadOnlyCollection<string>> names) => _expected = names;

    /// <summary>A tensor that must be there in this shape.</summary>
    /// <exception cref="InferenceException">CorruptModel, NoUsableWeights.</exception>
    public StoredTensor Get(string name, params ReadOnlySpan<long> shape)
    {
        if (IsOutline)
            _tensors.TryAdd(name, TensorZeros.Make(name, shape));
        name = NameOf(name);
        if (!_tensors.TryGetValue(name, out StoredTensor? tensor))
        {
            if (_format == WeightFormat.Onnx)
                throw UnknownLayout($"have no node that uses '{name}', which the architecture needs", name);
            throw new InferenceException(InferenceFailure.CorruptModel, $"The weights of '{_folder}' lack the tensor '{name}', which the architecture needs{OthersMissing(name)}. {TensorNames.Describe(name, _tensors.Keys)}")
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
            {
                File = tensor.File.Path,
                Tensor = name,
                Remedy = "Check that config.json belongs to these weights. A GGUF file is read by its own header where it is named itself, or where there is no config.json.",
            };
        }
        if (tensor.Scaling is null && TensorFormat.NeedsScale(tensor.Type))
        {
            throw new InferenceException(InferenceFailure.NoUsableWeights,
                $"'{tensor.File.Path}': the tensor '{name}' is stored as {TensorFormat.NameOf(tensor.Type)}, and the scales that its numbers need are not there.")
            { File = tensor.File.Path, Tensor = name, Remedy = "Choose the unquantised version of the model (f32, f16, bf16)." };
        }
        _used.Add(name);
        return tensor;
    }

    /// <summary>A name as the file has it: with the optional prefix, or without.</summary>
    private string NameOf(string name)
    {
        if (OptionalPrefix.Length == 0 || _tensors.ContainsKey(name))
            return name;
        string other = name.StartsWith(OptionalPrefix, StringComparison.Ordinal) ? name[OptionalPrefix.Length..] : OptionalPrefix + name;
        return _tensors.ContainsKey(other) ? other : name;
    }

    private string OthersMissing(string name)
    {
        string[] missing = [.. _expected().Where(expected => expected != name && !_tensors.ContainsKey(NameOf(expected)))];
        return missing.Length == 0 ? "" : $", and {missing.Length} others: {string.Join(", ", missing.Take(MaxNamed))}{(missing.Length > MaxNamed ? ", …" : "")}";
    }

    /// <summary>Refuses tensors that nobody asked for: weights that are silently left out give wrong answers.</summary>
    /// <param name="harmless">Whether a tensor of this name may be left out: a copy of another, or a buffer that is computed.</param>
    public void CheckAllUsed(Func<string, bool> harmless)
    {
        string[] left = [.. _tensors.Keys.Where(name => !_used.Contains(name) && !harmless(name)).Order(StringComparer.Ordinal)];
        if (left.Length == 0)
            return;
        if (_format == WeightFormat.Onnx)
            throw UnknownLayout($"use {left.Length} weights that the architecture does not know: {string.Join(", ", left.Take(MaxNamed))}{(left.Length > MaxNamed ? ", …" : "")}", left[0]);
        throw new InferenceException(InferenceFailure.CorruptModel,
            $"The weights of '{_folder}' have {left.Length} tensors that the architecture does not know: {string.Join(", ", left.Take(MaxNamed))}{(left.Length > MaxNamed ? ", …" : "")}.")
        {
            File = _folder,
            Tensor = left[0],
            Remedy = "Check that config.json belongs to these weights; adapters and other heads are not supported.",
        };
    }

    /// <summary>Gives memory back that can be read again; nothing may be read meanwhile.</summary>
    public void ReleasePages() => _files.ForEach(file => file.ReleasePages());

    public void Dispose()
    {
        Tiles?.Dispose();
        _files.ForEach(file => file.Dispose());
    }

    private InferenceException UnknownLayout(string what, string tensor) =>
        new(InferenceFailure.NoUsableWeights, $"The graphs {string.Join(", ", _files.Select(file => $"'{file.Path}'"))} {what}: they are not of a known layout.")
        {
            File = _files[0].Path,
            Tensor = tensor,
            Remedy = "Check that config.json belongs to these weights, or choose others with --weights.",
        };

    /// <summary>Graphs and their data belong together.</summary>
    private void Add(IReadOnlyList<MappedFile> files)
    {
        foreach (StoredTensor tensor in OnnxWeights.Read(files))
        {
            if (!_tensors.TryAdd(tensor.Name, tensor))
                throw new InferenceException(InferenceFailure.CorruptModel, $"'{tensor.File.Path}': the tensor '{tensor.Name}' is in another graph too.") { File = tensor.File.Path, Tensor = tensor.Name };
        }
    }

    private void Add(string path, WeightFormat format)
    {
        MappedFile file = Map(path);
        foreach (StoredTensor tensor in Read(file, format))
        {
            if (!_tensors.TryAdd(tensor.Name, tensor))
                throw new InferenceException(InferenceFailure.CorruptModel, $"'{path}': the tensor '{tensor.Name}' is in another shard too.") { File = path, Tensor = tensor.Name };
        }
    }

    private static IReadOnlyList<StoredTensor> Read(MappedFile file, WeightFormat format) => format switch
    {
        WeightFormat.Safetensors => SafetensorsFile.Read(file),
        WeightFormat.PyTorch => PyTorchFile.Read(file),
        WeightFormat.Gguf => GgufTensors.Read(file),
        _ => throw new InvalidOperationException($"no reader of {format}"),
    };

    private MappedFile Map(string path)
    {
        MappedFile file = MappedFile.Open(path);
        _files.Add(file);
        RefusePointer(file);
        return file;
    }

    // A repository that was cloned without Git LFS has a few lines of text in the place of each large file.
    private static void RefusePointer(MappedFile file)
    {
        ReadOnlySpan<byte> start = "version https://git-lfs."u8;
        if (file.Length < 1024 && file.Length > start.Length && file.Span(0, start.Length).SequenceEqual(start))
            throw new InferenceException(InferenceFailure.NoUsableWeights, $"'{file.Path}' is a pointer of Git LFS, not the file.") { File = file.Path, Remedy = "Run 'git lfs pull' in the folder, or download the file." };
    }
}
