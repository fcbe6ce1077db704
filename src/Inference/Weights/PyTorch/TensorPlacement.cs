using LlmService.Inference.Configuration;

namespace LlmService.Inference.Weights.PyTorch;

/// <summary>Finds the bytes of tensors in their storages, and checks all bounds.</summary>
/// <param name="file">The file.</param>
/// <param name="find">Where a storage lies in the file; null when it does not.</param>
internal sealed class TensorPlacement(MappedFile file, Func<StorageReference, (long Offset, long Length)?> find)
{
    private readonly Dictionary<(long Start, string Layout), StridedBytes> _rearranged = [];
    private long _rearrangedBytes;

    /// <summary>A tensor where it lies, or one that will be put into order.</summary>
    /// <exception cref="InferenceException">CorruptModel.</exception>
    public StoredTensor Place(string name, TensorView view)
    {
        try
        {
            long bytes = StoredTensor.BytesOf(view.Type, view.Shape);
            if (bytes == 0)
                return new(file, name, view.Type, view.Shape, 0, 0);
            long start = Start(name, view);
            if (IsInOrder(view))
                return new(file, name, view.Type, view.Shape, start, bytes);
            return new(Rearranged(name, view, start, bytes), name, view.Type, view.Shape, 0, bytes);
        }
        catch (OverflowException)
        {
            throw Corrupt(name, "is impossibly large");
        }
    }

    private long Start(string name, TensorView view)
    {
        if (find(view.Storage) is not { } place)
            throw Corrupt(name, $"lies in the storage '{ConfigReader.Quote(view.Storage.Key)}', which is not in the file");
        if (view.Storage.ByteCount != place.Length)
            throw Corrupt(name, $"lies in a storage of {view.Storage.ByteCount} bytes, of which the file has {place.Length}");
        long last = view.Offset, size = TensorFormat.RowBytes(view.Type, 1);
        for (int i = 0; i < view.Shape.Length; i++)
            last = checked(last + (view.Shape[i] - 1) * view.Strides[i]);
        if (last >= place.Length / size)
            throw Corrupt(name, $"ends behind its storage of {place.Length} bytes");
        return place.Offset + view.Offset * size;
    }

    private static bool IsInOrder(TensorView view)
    {
        long expected = 1;
        for (int i = view.Shape.Length - 1; i >= 0; i--)
        {
            // The stride of a dimension of one means nothing.
            if (view.Shape[i] != 1 && view.Strides[i] != expected)
                return false;
            expected *= view.Shape[i];
        }
        return true;
    }

    // The same view under another name is the same bytes. All of them together are no more than the file, or a small file could ask for any memory.
    private StridedBytes Rearranged(string name, TensorView view, long start, long bytes)
    {
        (long, string) key = (start, $"{view.Type} {string.Join(' ', view.Shape)} {string.Join(' ', view.Strides)}");
        if (_rearranged.TryGetValue(key, out StridedBytes? known))
            return known;
        _rearrangedBytes = checked(_rearrangedBytes + bytes);
        if (_rearrangedBytes > file.Length || bytes > Array.MaxLength)
            throw Corrupt(name, "does not lie in order, and is too large to be rearranged");
        return _rearranged[key] = new(file, start, view);
    }

    private InferenceException Corrupt(string name, string what) =>
        new(InferenceFailure.CorruptModel, $"'{file.Path}': the tensor '{name}' {what}.") { File = file.Path, Tensor = name };
}
