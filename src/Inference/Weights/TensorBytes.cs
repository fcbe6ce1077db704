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

    /// <summary>Makes bytes now that would else be made at the first use.</summary>
    public virtual void Prepare()
    {
    }

    /// <summary>Lets go of bytes that can be made again: the tensor is held in another format from now on.</summary>
    public virtual void Release()
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
