namespace LlmService.Inference.Weights.PyTorch;

/// <summary>A name that a pickle asks for, <c>module name</c>; what it stands for is never run.</summary>
internal sealed record PickleGlobal(string Module, string Name)
{
    public override string ToString() => $"{Module}.{Name}";
}

/// <summary>An <c>OrderedDict</c> or <c>dict</c>. Keys are texts or whole numbers; the last of two equal keys counts, at the place of the first.</summary>
internal sealed class PickleDictionary
{
    private Dictionary<object, object?>? _entries;

    public IEnumerable<KeyValuePair<object, object?>> Entries => _entries ?? [];

    // Made when it is needed: one byte of a pickle makes a dictionary.
    public void Set(object key, object? value) => (_entries ??= [])[key] = value;

    public object? Find(string key) => _entries?.GetValueOrDefault(key);
}

/// <summary>A list; tuples are arrays.</summary>
internal sealed class PickleList
{
    public List<object?> Items { get; } = new(0);
}

/// <summary>A storage that a tensor refers to: a run of numbers of one type, shared by any number of tensors.</summary>
/// <param name="Key">Its name in the file.</param>
/// <param name="Type">How its numbers are stored; null for bytes whose type each tensor tells.</param>
/// <param name="Count">How many numbers.</param>
internal sealed record StorageReference(string Key, TensorType? Type, long Count)
{
    /// <summary>Bytes of the storage.</summary>
    /// <exception cref="OverflowException">Impossibly many.</exception>
    public long ByteCount => Type is { } type ? TensorFormat.RowBytes(type, Count) : Count;
}

/// <summary>A tensor: every so many numbers of a storage along each dimension. All counts are at least 0.</summary>
internal sealed record TensorView(StorageReference Storage, TensorType Type, long Offset, long[] Shape, long[] Strides);
