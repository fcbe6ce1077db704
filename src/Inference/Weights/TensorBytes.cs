using System.Runtime.InteropServices;
using LlmService.Inference.Kernels;

namespace LlmService.Inference.Weights;

/// <summary>What tensors lie in: a mapped file, or memory where a format has to be rearranged once.</summary>
internal abstract class TensorBytes : IDisposable
{
    /// <summary>The file, for messages.</summary>
    public abstract string Path { get; }

    /// <summary>Bytes in all.</summary>
    public abstract long Length { get; }

    /// <summary>A part of the bytes; valid until this is disposed.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The part is not inside.</exception>
    public abstract ReadOnlySpan<byte> Span(long offset, int length);

    /// <summary>Copies a part of the bytes, without more of them coming to lie in the memory of this process.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The part is not inside.</exception>
    /// <exception cref="InferenceException">NoUsableWeights: the file can no longer be read.</exception>
    public virtual void Read(long offset, Span<byte> destination) => Span(offset, destination.Length).CopyTo(destination);

    /// <summary>Gives memory back that can be read again; no span may be in use.</summary>
    public virtual void ReleasePages()
    {
    }

    public abstract void Dispose();
}

/// <summary>Bytes that were read and rearranged.</summary>
/// <param name="path">The file that they come from.</param>
/// <param name="bytes">The bytes.</param>
internal sealed class TensorMemory(string path, byte[] bytes) : TensorBytes
{
    public override string Path => path;

    public override long Length => bytes.Length;

    public override ReadOnlySpan<byte> Span(long offset, int length) => bytes.AsSpan(checked((int)offset), length);

    public override void Dispose()
    {
    }
}

/// <summary>Memory of any size, which does not move and begins with a cache line.</summary>
internal sealed class AlignedMemory : TensorBytes
{
    private const int Unit = CacheLines.Bytes;

    // A byte array ends at 2 GiB.
    private readonly Line[] _lines;
    private readonly int _start;

    /// <summary>Takes memory, whose contents are undefined.</summary>
    /// <param name="path">The file that its contents will come from.</param>
    /// <param name="length">Bytes.</param>
    public AlignedMemory(string path, long length)
    {
        Path = path;
        Length = length;
        _lines = GC.AllocateUninitializedArray<Line>(checked((int)((length + Unit - 1) / Unit + 1)), pinned: true);
        _start = (int)(-Marshal.UnsafeAddrOfPinnedArrayElement(_lines, 0) & (Unit - 1));
    }

    public override string Path { get; }

    public override long Length { get; }

    public override ReadOnlySpan<byte> Span(long offset, int length) => Writable(offset, length);

    /// <summary>A part of the bytes.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The part is not inside.</exception>
    public Span<byte> Writable(long offset, int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, Length - offset);
        long first = _start + offset;
        int within = (int)(first % Unit);
        return MemoryMarshal.AsBytes(_lines.AsSpan((int)(first / Unit), (within + length + Unit - 1) / Unit)).Slice(within, length);
    }

    public override void Dispose()
    {
    }

    [StructLayout(LayoutKind.Sequential, Size = Unit)]
    private readonly struct Line;
}

/// <summary>The zeros of tensors that are not there.</summary>
internal sealed class TensorZeros : TensorBytes
{
    private static readonly TensorZeros Instance = new();

    public override string Path => "";

    public override long Length => long.MaxValue;

    /// <summary>A tensor of zeros.</summary>
    public static StoredTensor Make(string name, ReadOnlySpan<long> shape)
    {
        long[] dimensions = shape.ToArray();
        return new StoredTensor(Instance, name, TensorType.F32, dimensions, 0, StoredTensor.BytesOf(TensorType.F32, dimensions));
    }

    public override ReadOnlySpan<byte> Span(long offset, int length) => new byte[length];

    public override void Dispose()
    {
    }
}
