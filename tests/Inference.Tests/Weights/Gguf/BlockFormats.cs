namespace LlmService.Inference.Tests.Weights.Gguf;

/// <summary>Rounds rows of numbers to the block formats of GGUF, and says what they then are.</summary>
internal static class BlockFormats
{
    private const int Size = 32;

    /// <summary>The bytes of a tensor in a format, and the numbers that they stand for.</summary>
    public static (byte[] Bytes, float[] Values) Encode(uint type, float[] numbers)
    {
        using MemoryStream stream = new();
        using BinaryWriter writer = new(stream);
        float[] values = new float[numbers.Length];
        for (int start = 0; start < numbers.Length; start += Size)
            EncodeBlock(type, numbers.AsSpan(start, Size), writer).CopyTo(values.AsSpan(start));
        writer.Flush();
        return (stream.ToArray(), values);
    }

    private static float[] EncodeBlock(uint type, ReadOnlySpan<float> numbers, BinaryWriter writer)
    {
        float[] block = numbers.ToArray();
        float lowest = block.Min(), highest = block.Max();
        float farthest = block.MaxBy(MathF.Abs);
        switch (type)
        {
            case GgufWriter.Q8_0:
                {
                    Half scale = (Half)(MathF.Abs(farthest) / 127);
                    sbyte[] bytes = [.. block.Select(x => (sbyte)Round(x, scale, 0, -127, 127))];
                    writer.Write(scale);
                    foreach (sbyte b in bytes)
                        writer.Write(b);
                    return [.. bytes.Select(b => (float)scale * b)];
                }
            case GgufWriter.Q4_0:
                return Nibbles(writer, block, (Half)(farthest / -8), null, 8, 15, isFive: false);
            case GgufWriter.Q5_0:
                return Nibbles(writer, block, (Half)(farthest / -16), null, 16, 31, isFive: true);
            case GgufWriter.Q4_1:
                return Nibbles(writer, block, (Half)((highest - lowest) / 15), (Half)lowest, 0, 15, isFive: false);
            case GgufWriter.Q5_1:
                return Nibbles(writer, block, (Half)((highest - lowest) / 31), (Half)lowest, 0, 31, isFive: true);
            default:
                throw new ArgumentOutOfRangeException(nameof(type), type, null);
        }
    }

    // Number i of the first half is the low nibble of byte i, number i of the second half the high one; fifth bits lie together in front.
    private static float[] Nibbles(BinaryWriter writer, float[] block, Half scale, Half? minimum, int zero, int most, bool isFive)
    {
        int[] codes = [.. block.Select(x => Round(x - (float)(minimum ?? default), scale, zero, 0, most))];
        writer.Write(scale);
        if (minimum is { } lowest)
            writer.Write(lowest);
        if (isFive)
            writer.Write((uint)codes.Select((code, i) => (long)(code >> 4) << i).Sum());
        for (int i = 0; i < Size / 2; i++)
            writer.Write((byte)((codes[i] & 15) | (codes[i + Size / 2] & 15) << 4));
        return [.. codes.Select(code => (float)scale * (code - zero) + (float)(minimum ?? default))];
    }

    private static int Round(float number, Half scale, int zero, int least, int most) =>
        scale == default ? zero : Math.Clamp((int)MathF.Round(number / (float)scale) + zero, least, most);
}
