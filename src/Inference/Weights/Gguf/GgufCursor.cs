using System.Buffers.Binary;
using System.Text;
using System.Text.Unicode;

namespace LlmService.Inference.Weights.Gguf;

/// <summary>Walks over the first bytes of a file. A read past the end of the file is its damage; one past the bytes at hand marks the cursor as short and gives
/// zeros, so that the caller can come again with more.</summary>
/// <param name="bytes">The first bytes.</param>
/// <param name="fileBytes">The size of the whole file.</param>
/// <param name="path">The file, for messages.</param>
internal sealed class GgufCursor(ReadOnlyMemory<byte> bytes, long fileBytes, string path)
{
    private static readonly byte[] Zeros = new byte[8];

    private int _position;

    public string Path => path;

    public long Position => _position;

    /// <summary>Whether a read went past the bytes at hand.</summary>
    public bool IsShort { get; private set; }

    /// <summary>The next bytes; zeros, at most eight, when they are not at hand.</summary>
    public ReadOnlyMemory<byte> Take(int count, string what)
    {
        if (count > fileBytes - _position)
            throw Corrupt($"ends in {what}: it is cut off or damaged");
        if ((long)_position + count > GgufHeader.MaxBytes)
            throw Corrupt($"has a header of more than {GgufHeader.MaxBytes} bytes, in {what}");
        IsShort |= count > bytes.Length - _position;
        if (IsShort)
            return Zeros.AsMemory(0, Math.Min(count, Zeros.Length));
        _position += count;
        return bytes.Slice(_position - count, count);
    }

    /// <summary>The bytes since a place.</summary>
    public ReadOnlyMemory<byte> Since(long start) => IsShort ? default : bytes[(int)start.._position];

    public uint U32(string what) => BinaryPrimitives.ReadUInt32LittleEndian(Take(4, what).Span);

    /// <summary>A number that is stored without sign and has to fit one with.</summary>
    public long I64(string what)
    {
        ulong number = BinaryPrimitives.ReadUInt64LittleEndian(Take(8, what).Span);
        return number <= long.MaxValue ? (long)number : throw Corrupt($"has the number {number} in {what}, which is too large");
    }

    public int Count(string what, int most)
    {
        long count = I64(what);
        return count <= most ? (int)count : throw Corrupt($"has the count {count} in {what}; at most {most} are allowed");
    }

    /// <summary>The bytes of a text.</summary>
    public ReadOnlyMemory<byte> Text(string what, int most) => Take(Count(what, most), what);

    /// <summary>A name; empty when the cursor is short.</summary>
    public string Name(string what, int most)
    {
        ReadOnlySpan<byte> text = Text(what, most).Span;
        if (IsShort)
            return "";
        return Utf8.IsValid(text) ? Encoding.UTF8.GetString(text) : throw Corrupt($"has {what} before byte {_position} that is not UTF-8");
    }

    public InferenceException Corrupt(string what) => new(InferenceFailure.CorruptModel, $"'{path}' {what}.") { File = path };
}
