using System.Buffers.Binary;
using System.Numerics;

namespace LlmService.Inference.Weights.Tiles;

/// <summary>
/// Four CRC-32C, each of a quarter of the bytes. Cached weights are read whole and checked before they are used: what a bad disk, a crash or a broken copy does to them,
/// down to one bit, is found for certain. The processor computes it as fast as it reads memory, since the four do not wait for each other; a cryptographic hash
/// would take ten times as long and protect from nothing more, as whoever can write into the folder could write the hash as well.
/// </summary>
internal static class Checksum
{
    public const int Bytes = 16;

    /// <summary>Writes the sum of some bytes.</summary>
    public static void Write(ReadOnlySpan<byte> bytes, Span<byte> sum)
    {
        int quarter = bytes.Length / 4 / sizeof(ulong) * sizeof(ulong);
        ReadOnlySpan<byte> a = bytes[..quarter], b = bytes.Slice(quarter, quarter), c = bytes.Slice(2 * quarter, quarter), d = bytes.Slice(3 * quarter, quarter);
        uint first = uint.MaxValue, second = uint.MaxValue, third = uint.MaxValue, fourth = uint.MaxValue;
        for (int i = 0; i < quarter; i += sizeof(ulong))
        {
            first = BitOperations.Crc32C(first, BinaryPrimitives.ReadUInt64LittleEndian(a[i..]));
            second = BitOperations.Crc32C(second, BinaryPrimitives.ReadUInt64LittleEndian(b[i..]));
            third = BitOperations.Crc32C(third, BinaryPrimitives.ReadUInt64LittleEndian(c[i..]));
            fourth = BitOperations.Crc32C(fourth, BinaryPrimitives.ReadUInt64LittleEndian(d[i..]));
        }
        foreach (byte rest in bytes[(4 * quarter)..])
            fourth = BitOperations.Crc32C(fourth, rest);
        BinaryPrimitives.WriteUInt32LittleEndian(sum, first);
        BinaryPrimitives.WriteUInt32LittleEndian(sum[4..], second);
        BinaryPrimitives.WriteUInt32LittleEndian(sum[8..], third);
        BinaryPrimitives.WriteUInt32LittleEndian(sum[12..], fourth);
    }

    /// <summary>Whether some bytes have this sum.</summary>
    public static bool Matches(ReadOnlySpan<byte> bytes, ReadOnlySpan<byte> sum)
    {
        Span<byte> found = stackalloc byte[Bytes];
        Write(bytes, found);
        return found.SequenceEqual(sum);
    }
}
