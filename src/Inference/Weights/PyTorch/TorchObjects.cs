using LlmService.Inference.Configuration;

namespace LlmService.Inference.Weights.PyTorch;

/// <summary>The few names of PyTorch that a file of tensors needs, as data: storages, element types, and the functions that put a tensor together.</summary>
/// <param name="path">The file, for messages.</param>
internal sealed class TorchObjects(string path)
{
    /// <summary>Tensors that a file may have.</summary>
    public const int MaxTensors = 100_000;

    private const int MaxDimensions = 8;

    private static readonly Dictionary<string, TensorType> Storages = new(StringComparer.Ordinal)
    {
        ["torch.DoubleStorage"] = TensorType.F64,
        ["torch.FloatStorage"] = TensorType.F32,
        ["torch.HalfStorage"] = TensorType.F16,
        ["torch.BFloat16Storage"] = TensorType.Bf16,
        ["torch.CharStorage"] = TensorType.I8,
        ["torch.ByteStorage"] = TensorType.U8,
        ["torch.ShortStorage"] = TensorType.I16,
        ["torch.IntStorage"] = TensorType.I32,
        ["torch.LongStorage"] = TensorType.I64,
        ["torch.BoolStorage"] = TensorType.Bool,
    };

    private static readonly Dictionary<string, TensorType> ElementTypes = new(StringComparer.Ordinal)
    {
        ["torch.float64"] = TensorType.F64,
        ["torch.float32"] = TensorType.F32,
        ["torch.float16"] = TensorType.F16,
        ["torch.bfloat16"] = TensorType.Bf16,
        ["torch.float8_e4m3fn"] = TensorType.F8E4M3,
        ["torch.int8"] = TensorType.I8,
        ["torch.uint8"] = TensorType.U8,
        ["torch.int16"] = TensorType.I16,
        ["torch.int32"] = TensorType.I32,
        ["torch.int64"] = TensorType.I64,
        ["torch.bool"] = TensorType.Bool,
    };

    // Bytes without a type, in the files of newer versions.
    private static readonly HashSet<string> UntypedStorages = new(["torch.storage.UntypedStorage", "torch.UntypedStorage"], StringComparer.Ordinal);

    private static readonly HashSet<string> Functions = new(
        [
            "collections.OrderedDict", "torch.Size", "torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor_v3",
            "torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state",
        ], StringComparer.Ordinal);

    private readonly Dictionary<string, StorageReference> _storages = new(StringComparer.Ordinal);
    private int _tensors;

    /// <summary>The storages that were referred to, by key.</summary>
    public IReadOnlyDictionary<string, StorageReference> Referenced => _storages;

    /// <summary>A name, if it is one of tensors.</summary>
    /// <exception cref="InferenceException">NoUsableWeights: any other.</exception>
    public PickleGlobal Global(string module, string name)
    {
        PickleGlobal global = new(module, name);
        string text = global.ToString();
        if (Functions.Contains(text) || UntypedStorages.Contains(text) || Storages.ContainsKey(text) || ElementTypes.ContainsKey(text))
            return global;
        bool isStorage = module == "torch" && name.EndsWith("Storage", StringComparison.Ordinal);
        throw new InferenceException(InferenceFailure.NoUsableWeights, isStorage
            ? $"'{path}': tensors of {ConfigReader.Quote(text)} are not read."
            : $"'{path}': '{ConfigReader.Quote(text)}' would run code; this reader knows only tensors.")
        {
            File = path,
            Remedy = "Use a safetensors file of this model, or save its state_dict alone.",
        };
    }

    /// <summary>The storage that a persistent id names: ('storage', type, key, location, count), and in the older stream a view, which is never used.</summary>
    public StorageReference Storage(object? id)
    {
        if (id is not object?[] { Length: 5 or 6 } parts || parts[0] is not "storage" || parts[1] is not PickleGlobal type || parts[2] is not string key
            || parts[4] is not long count || count < 0 || (parts.Length == 6 && parts[5] is not null))
        {
            throw Corrupt("refers to data in a way that torch.save does not");
        }
        TensorType? elements = Storages.TryGetValue(type.ToString(), out TensorType known) ? known
            : UntypedStorages.Contains(type.ToString()) ? null
            : throw Corrupt($"takes '{type}' for a storage");
        StorageReference storage = new(key, elements, count);
        if (_storages.TryAdd(key, storage))
            return storage;
        return _storages[key] == storage ? _storages[key] : throw Corrupt($"describes the storage '{ConfigReader.Quote(key)}' in two ways");
    }

    /// <summary>What a function of the list makes of its arguments.</summary>
    public object? Call(PickleGlobal function, object?[] arguments) => (function.ToString(), arguments) switch
    {
        ("collections.OrderedDict", []) => new PickleDictionary(),
        ("torch.Size", [object?[] size]) => size,
        ("torch._utils._rebuild_tensor", [StorageReference storage, long offset, object?[] shape, object?[] strides]) => Tensor(storage, null, offset, shape, strides),
        ("torch._utils._rebuild_tensor_v2", [StorageReference storage, long offset, object?[] shape, object?[] strides, ..]) => Tensor(storage, null, offset, shape, strides),
        ("torch._utils._rebuild_tensor_v3", [StorageReference storage, long offset, object?[] shape, object?[] strides, _, _, PickleGlobal type, ..]) => Tensor(storage, type, offset, shape, strides),
        ("torch._utils._rebuild_parameter" or "torch._utils._rebuild_parameter_with_state", [TensorView data, ..]) => data,
        _ => throw Corrupt($"gives '{function}' arguments that it does not take"),
    };

    private TensorView Tensor(StorageReference storage, PickleGlobal? type, long offset, object?[] shape, object?[] strides)
    {
        if (++_tensors > MaxTensors)
            throw Corrupt($"makes more than {MaxTensors} tensors");
        TensorType? elements = type is null ? storage.Type
            : ElementTypes.TryGetValue(type.ToString(), out TensorType known) ? known
            : throw Corrupt($"takes '{type}' for the type of a tensor");
        if (elements is null)
            throw Corrupt("has a tensor without a type");
        if (shape.Length > MaxDimensions || shape.Length != strides.Length)
            throw Corrupt($"has a tensor of {shape.Length} dimensions and {strides.Length} strides");
        if (offset < 0 || !shape.Concat(strides).All(value => value is >= 0L))
            throw Corrupt("has a tensor with an offset, a dimension or a stride that is not a whole number from 0");
        return new(storage, elements.Value, offset, [.. shape.Cast<long>()], [.. strides.Cast<long>()]);
    }

    private InferenceException Corrupt(string what) => new(InferenceFailure.CorruptModel, $"'{path}': the list of tensors {what}.") { File = path };
}
