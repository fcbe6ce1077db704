using System.Buffers.Binary;

namespace LlmService.Inference.Weights.Gguf;

/// <summary>The type Q6_K: superblocks of 256 numbers of 6 bits, in 16 groups with a signed byte as scale, and an f16 scale for all. Files whose name says Q4_0
/// or Q5_0 store their output matrix so.</summary>
internal static class SuperBlocks
{
    /// <summary>Numbers of a superblock.</summary>
    public const int Size = 256;

    /// <summary>128 bytes of low nibbles, 64 of the upper two bits, 16 scales, one f16.</summary>
    public const int Bytes = 210;

    private const int Half = Size / 2;

    /// <summary>Decodes whole superblocks.</summary>
    public static void Decode(ReadOnlySpan<byte> bytes, Span<float> destination)
    {
        for (; destination.Length >= Size; destination = destination[Size..], bytes = bytes[Bytes..])
        {
            float scale = (float)BinaryPrimitives.ReadHalfLittleEndian(bytes[208..]);
            for (int half = 0; half < 2; half++)
                DecodeHalf(bytes.Slice(half * 64, 64), bytes.Slice(128 + half * 32, 32), bytes.Slice(192 + half * 8, 8), scale, destination.Slice(half * Half, Half));
        }
    }

    // Four rows of 32 numbers: the first two have the low nibbles, the last two the high ones; each has its own two bits of the upper byte.
    private static void DecodeHalf(ReadOnlySpan<byte> low, ReadOnlySpan<byte> high, ReadOnlySpan<byte> scales, float scale, Span<float> values)
    {
        for (int i = 0; i < Half; i++)
        {
            int row = i / 32, column = i % 32;
            int nibble = (low[(row & 1) * 32 + column] >> (row / 2 * 4)) & 15;
            int number = (nibble | ((high[column] >> (row * 2)) & 3) << 4) - 32;
            values[i] = scale * (sbyte)scales[i / 16] * number;
        }
    }
}
