namespace LlmService.Inference.Weights;

/// <summary>
/// Bytes in another order: our matrices run along their inputs, some files store them along their outputs. They are made at the first use, and again after they
/// were given back.
/// </summary>
/// <param name="source">Where they come from.</param>
/// <param name="start">Where they begin there.</param>
/// <param name="count">How many they are there.</param>
/// <param name="length">How many they become.</param>
/// <param name="rearrange">Writes the second from the first.</param>
internal sealed class RearrangedBytes(TensorBytes source, long start, int count, int length, Rearrangement rearrange) : TensorBytes
{
    private readonly Lock _making = new();
    private volatile byte[]? _bytes;

    public override string Path => source.Path;

    public override long Length => length;

    public override ReadOnlySpan<byte> Span(long offset, int length)
    {
        if (_bytes is not { } bytes)
        {
            lock (_making)
                _bytes = bytes = _bytes ?? Make();
        }
        return bytes.AsSpan(checked((int)offset), length);
    }

    /// <summary>Makes the bytes now.</summary>
    public void Prepare() => Span(0, 0);

    public override void ReleasePages() => _bytes = null;

    public override void Dispose()
    {
    }

    private byte[] Make()
    {
        byte[] bytes = GC.AllocateUninitializedArray<byte>(length);
        rearrange(source.Span(start, count), bytes);
        return bytes;
    }
}

/// <summary>Writes bytes in another order.</summary>
internal delegate void Rearrangement(ReadOnlySpan<byte> source, Span<byte> destination);
