using System.Buffers.Binary;
using System.Runtime.Intrinsics;
using LlmService.Inference.Kernels;

namespace LlmService.Inference.Weights;

/// <summary>Turns rows of floats into tiles: a bfloat16 scale for 32 weights is chosen first, then the weights are rounded with it, so nothing more is lost.</summary>
internal static class TilePacker
{
    // Of how many scales around the usual one the best is taken (Q4).
    private const int Candidates = 9;

    /// <summary>Writes one tile.</summary>
    /// <param name="format">The format.</param>
    /// <param name="rows">[16, columns]; missing rows are zero.</param>
    /// <param name="columns">Length of a row.</param>
    /// <param name="tile">Receives the tile.</param>
    /// <param name="units">For Q8, what each row's weights are whole multiples of, from -128 to 127 of them; such rows are packed without loss, and their
    /// results are to be multiplied by it. 1 for all other rows.</param>
    public static void Pack(TileFormat format, ReadOnlySpan<float> rows, int columns, Span<byte> tile, Span<float> units)
    {
        tile.Clear();
        for (int row = 0; row < TileLayout.Rows; row++)
        {
            if (format != TileFormat.Q8 || units[row] == 1 || !AreMultiples(rows.Slice(row * columns, columns), units[row]))
                units[row] = 1;
        }
        Span<float> block = stackalloc float[TileLayout.BlockColumns];
        int blocks = TileLayout.Blocks(columns), blockBytes = TileLayout.NumberBytes(format);
        for (int b = 0; b < blocks; b++)
        {
            Span<byte> destination = tile.Slice(b * blockBytes, blockBytes);
            Span<byte> scales = tile.Slice(blocks * blockBytes + b * TileLayout.ScaleBytes, TileLayout.ScaleBytes);
            for (int row = 0; row < TileLayout.Rows; row++)
            {
                int start = b * TileLayout.BlockColumns, count = Math.Min(TileLayout.BlockColumns, columns - start);
                block.Clear();
                rows.Slice(row * columns + start, count).CopyTo(block);
                float scale = format == TileFormat.Q4 ? PackNibbles(block, row, destination) : units[row] == 1 ? PackBytes(block, row, destination) : PackMultiples(block, units[row], row, destination);
                BinaryPrimitives.WriteUInt16LittleEndian(scales[(row * sizeof(ushort))..], Bfloat16.BitsOf(scale));
            }
        }
    }

    /// <summary>Reads a row of a tile back.</summary>
    /// <param name="format">The format.</param>
    /// <param name="tile">The tile.</param>
    /// <param name="row">0 … 15.</param>
    /// <param name="destination">Receives [columns].</param>
    public static void Unpack(TileFormat format, ReadOnlySpan<byte> tile, int row, Span<float> destination)
    {
        int blocks = TileLayout.Blocks(destination.Length), blockBytes = TileLayout.NumberBytes(format);
        for (int column = 0; column < destination.Length; column++)
        {
            ReadOnlySpan<byte> block = tile.Slice(column / TileLayout.BlockColumns * blockBytes, blockBytes);
            int within = column % TileLayout.BlockColumns;
            int scaleAt = blocks * blockBytes + column / TileLayout.BlockColumns * TileLayout.ScaleBytes + row * sizeof(ushort);
            float scale = BitConverter.Int32BitsToSingle(BinaryPrimitives.ReadUInt16LittleEndian(tile[scaleAt..]) << 16);
            int number = format == TileFormat.Q8
                ? (sbyte)block[TileLayout.OffsetOfByte(row, within)]
                : ((block[TileLayout.OffsetOfNibble(row, within)] >> (within / 16 * 4)) & 15) - 8;
            destination[column] = number * scale;
        }
    }

    private static float PackBytes(ReadOnlySpan<float> values, int row, Span<byte> block)
    {
        Vector256<float> largest = Vector256<float>.Zero;
        for (int i = 0; i < TileLayout.BlockColumns; i += Vector256<float>.Count)
            largest = Vector256.Max(largest, Vector256.Abs(Vector256.Create(values[i..])));
        float highest = 0;
        for (int i = 0; i < Vector256<float>.Count; i++)
            highest = MathF.Max(highest, largest[i]);
        // Rounded up, so that the largest weight fits.
        float scale = Bfloat16.RoundUp(highest / 127);
        Span<int> numbers = stackalloc int[TileLayout.BlockColumns];
        Round(values, Reciprocal(scale), -127, 127, numbers);
        for (int i = 0; i < numbers.Length; i += 2)
            BinaryPrimitives.WriteUInt16LittleEndian(block[TileLayout.OffsetOfByte(row, i)..], (ushort)((byte)numbers[i] | numbers[i + 1] << 8));
        return scale;
    }

    private static float PackMultiples(ReadOnlySpan<float> values, float unit, int row, Span<byte> block)
    {
        for (int i = 0; i < values.Length; i++)
            block[TileLayout.OffsetOfByte(row, i)] = (byte)(sbyte)MathF.Round(values[i] / unit);
        return 1;
    }

    private static bool AreMultiples(ReadOnlySpan<float> values, float unit)
    {
        if (!float.IsNormal(unit))
            return false;
        foreach (float value in values)
        {
            float number = MathF.Round(value / unit);
            if (number is < -128 or > 127 || number * unit != value)
                return false;
        }
        return true;
    }

    private static float PackNibbles(ReadOnlySpan<float> values, int row, Span<byte> block)
    {
        float scale = BestScale(values);
        Span<int> numbers = stackalloc int[TileLayout.BlockColumns];
        Round(values, Reciprocal(scale), -8, 7, numbers);
        const int half = TileLayout.BlockColumns / 2;
        for (int i = 0; i < half; i++)
            block[TileLayout.OffsetOfNibble(row, i)] = (byte)((numbers[i] + 8) | (numbers[i + half] + 8) << 4);
        return scale;
    }

    /// <summary>The scale with the least squared error among some around that which takes the weight of the largest magnitude to -8, as there is no +8.</summary>
    private static float BestScale(ReadOnlySpan<float> values)
    {
        float largest = 0;
        foreach (float value in values)
        {
            if (MathF.Abs(value) > MathF.Abs(largest))
                largest = value;
        }
        float best = 0, bestError = float.PositiveInfinity;
        for (int i = 0; i < Candidates; i++)
        {
            float scale = Bfloat16.Round(largest / -(6.8f + i * 0.2f));
            float error = ErrorOf(values, scale);
            if (error < bestError)
                (best, bestError) = (scale, error);
        }
        return best;
    }

    // Eight lanes on every machine, so that the choice is the same everywhere.
    private static float ErrorOf(ReadOnlySpan<float> values, float scale)
    {
        float factor = Reciprocal(scale);
        Vector256<float> error = Vector256<float>.Zero, lowest = Vector256.Create(-8f), highest = Vector256.Create(7f);
        for (int i = 0; i < TileLayout.BlockColumns; i += Vector256<float>.Count)
        {
            Vector256<float> value = Vector256.Create(values[i..]);
            Vector256<float> difference = value - Vector256.Min(Vector256.Max(Vector256.Round(value * factor), lowest), highest) * scale;
            error += difference * difference;
        }
        return Vector256.Sum(error);
    }

    private static void Round(ReadOnlySpan<float> values, float factor, int lowest, int highest, Span<int> numbers)
    {
        for (int i = 0; i < numbers.Length; i += Vector256<float>.Count)
            Vector256.Min(Vector256.Max(Vector256.ConvertToInt32(Vector256.Round(Vector256.Create(values[i..]) * factor)), Vector256.Create(lowest)), Vector256.Create(highest)).CopyTo(numbers[i..]);
    }

    private static float Reciprocal(float scale) => 1 / scale is var factor && float.IsFinite(factor) ? factor : 0;
}
