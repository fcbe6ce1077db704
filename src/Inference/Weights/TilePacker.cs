using System.Buffers.Binary;
using LlmService.Inference.Kernels;

namespace LlmService.Inference.Weights;

/// <summary>Turns rows of floats into tiles: a bfloat16 scale for 32 weights is chosen first, then the weights are rounded with it, so nothing more is lost.</summary>
internal static class TilePacker
{
    /// <summary>Writes one tile.</summary>
    /// <param name="path">Which implementation; all write the same.</param>
    /// <param name="format">The format.</param>
    /// <param name="rows">[32, columns]; missing rows are zero.</param>
    /// <param name="columns">Length of a row.</param>
    /// <param name="tile">Receives the tile.</param>
    /// <param name="units">For Q8, what each row's weights are whole multiples of, from -128 to 127 of them; such rows are packed without loss, and their
    /// results are to be multiplied by it. 1 for all other rows.</param>
    public static void Pack(KernelPath path, TileFormat format, ReadOnlySpan<float> rows, int columns, Span<byte> tile, Span<float> units)
    {
        for (int row = 0; row < TileLayout.Rows; row++)
        {
            if (format != TileFormat.Q8 || units[row] == 1 || !AreMultiples(rows.Slice(row * columns, columns), units[row]))
                units[row] = 1;
        }
        Span<float> block = stackalloc float[PackKernels.BlockFloats];
        int blockBytes = TileLayout.BlockBytes(format);
        for (int b = 0; b < TileLayout.Blocks(columns); b++)
        {
            Span<byte> packed = tile.Slice(b * blockBytes, blockBytes);
            ReadBlock(rows, columns, b * TileLayout.BlockColumns, block);
            if (format == TileFormat.Q4)
                PackKernels.Nibbles(path, block, packed);
            else
                PackKernels.Bytes(path, block, units, packed);
        }
    }

    /// <summary>Reads a row of a tile back.</summary>
    /// <param name="format">The format.</param>
    /// <param name="tile">The tile.</param>
    /// <param name="row">0 … 31.</param>
    /// <param name="destination">Receives [columns].</param>
    public static void Unpack(TileFormat format, ReadOnlySpan<byte> tile, int row, Span<float> destination)
    {
        int blockBytes = TileLayout.BlockBytes(format);
        for (int column = 0; column < destination.Length; column++)
        {
            ReadOnlySpan<byte> block = tile.Slice(column / TileLayout.BlockColumns * blockBytes, blockBytes);
            int within = column % TileLayout.BlockColumns;
            float scale = BitConverter.Int32BitsToSingle(BinaryPrimitives.ReadUInt16LittleEndian(block[TileLayout.OffsetOfScale(format, row)..]) << 16);
            int number = format == TileFormat.Q8
                ? block[TileLayout.OffsetOfByte(row, within)]
                : (block[TileLayout.OffsetOfNibble(row, within)] >> (within / 16 * 4)) & 15;
            destination[column] = (number - TileLayout.Zero(format)) * scale;
        }
    }

    // The form in which the kernel takes them.
    private static bool AreMultiples(ReadOnlySpan<float> values, float unit)
    {
        float factor = 1 / unit;
        if (!float.IsNormal(unit) || !float.IsNormal(factor))
            return false;
        foreach (float value in values)
        {
            float number = MathF.Round(value * factor);
            if (number is < -128 or > 127 || number * unit != value)
                return false;
        }
        return true;
    }

    /// <summary>32 columns of all rows, the rows side by side; zeros past the end.</summary>
    private static void ReadBlock(ReadOnlySpan<float> rows, int columns, int start, Span<float> block)
    {
        int count = Math.Min(TileLayout.BlockColumns, columns - start);
        if (count < TileLayout.BlockColumns)
            block.Clear();
        for (int row = 0; row < TileLayout.Rows; row++)
        {
            ReadOnlySpan<float> values = rows.Slice(row * columns + start, count);
            Span<float> to = block[row..];
            for (int column = 0; column < values.Length; column++)
                to[column * TileLayout.Rows] = values[column];
        }
    }
}
