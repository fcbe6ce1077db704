using System.Buffers.Binary;
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
    public static void Pack(TileFormat format, ReadOnlySpan<float> rows, int columns, Span<byte> tile)
    {
        tile.Clear();
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
                float scale = format == TileFormat.Q8 ? PackBytes(block, row, destination) : PackNibbles(block, row, destination);
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
        float highest = 0;
        foreach (float value in values)
            highest = MathF.Max(highest, MathF.Abs(value));
        // Rounded up, so that the largest weight fits.
        float scale = Bfloat16.RoundUp(highest / 127);
        float factor = Reciprocal(scale);
        for (int i = 0; i < values.Length; i++)
            block[TileLayout.OffsetOfByte(row, i)] = (byte)(sbyte)Math.Clamp((int)MathF.Round(values[i] * factor), -127, 127);
        return scale;
    }

    private static float PackNibbles(ReadOnlySpan<float> values, int row, Span<byte> block)
    {
        float scale = BestScale(values);
        float factor = Reciprocal(scale);
        for (int i = 0; i < values.Length; i++)
            block[TileLayout.OffsetOfNibble(row, i)] |= (byte)(Nibble(values[i], factor) << (i / 16 * 4));
        return scale;
    }

    private static int Nibble(float value, float factor) => Math.Clamp((int)MathF.Round(value * factor), -8, 7) + 8;

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

    private static float ErrorOf(ReadOnlySpan<float> values, float scale)
    {
        float factor = Reciprocal(scale), error = 0;
        foreach (float value in values)
        {
            float difference = value - (Nibble(value, factor) - 8) * scale;
            error += difference * difference;
        }
        return error;
    }

    private static float Reciprocal(float scale) => 1 / scale is var factor && float.IsFinite(factor) ? factor : 0;
}
