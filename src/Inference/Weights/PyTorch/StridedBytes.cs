namespace LlmService.Inference.Weights.PyTorch;

/// <summary>The bytes of a tensor that does not lie in order, such as a transposed one: put into order when they are first asked for, so that a check of a model moves nothing.</summary>
/// <param name="file">Where they lie.</param>
/// <param name="start">Where the tensor's first number lies.</param>
/// <param name="view">The tensor; checked to lie inside of its storage.</param>
internal sealed class StridedBytes(MappedFile file, long start, TensorView view) : TensorBytes
{
    private readonly Lazy<byte[]> _bytes = new(() => Gather(file, start, view));

    public override string Path => file.Path;

    public override long Length { get; } = StoredTensor.BytesOf(view.Type, view.Shape);

    public override ReadOnlySpan<byte> Span(long offset, int length) => length == 0 ? [] : _bytes.Value.AsSpan(checked((int)offset), length);

    public override void Dispose()
    {
    }

    private static byte[] Gather(MappedFile file, long start, TensorView view)
    {
        int size = (int)TensorFormat.RowBytes(view.Type, 1);
        byte[] bytes = new byte[StoredTensor.BytesOf(view.Type, view.Shape)];
        long[] index = new long[view.Shape.Length];
        for (int at = 0; at < bytes.Length; at += size)
        {
            long place = 0;
            for (int i = 0; i < index.Length; i++)
                place += index[i] * view.Strides[i];
            file.Span(start + place * size, size).CopyTo(bytes.AsSpan(at));
            Advance(index, view.Shape);
        }
        return bytes;
    }

    // The last dimension runs fastest.
    private static void Advance(long[] index, long[] shape)
    {
        for (int i = index.Length - 1; i >= 0 && ++index[i] == shape[i]; i--)
            index[i] = 0;
    }
}
