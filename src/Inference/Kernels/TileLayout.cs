namespace LlmService.Inference.Kernels;

/// <summary>The formats that matrices are held in for integer arithmetic.</summary>
internal enum TileFormat
{
    /// <summary>8 bits a weight, and a scale for 32 of them.</summary>
    Q8,

    /// <summary>4 bits a weight, and a scale for 32 of them.</summary>
    Q4,
}

/// <summary>
/// How a matrix lies in memory for the kernels: tiles of 16 rows, each with the numbers of its blocks of 32 columns, then their scales, 16 bfloat16 a block. A block of
/// Q8 has, for each group of four columns, four bytes of every row; a weight is (byte - 128) · scale. A block of Q4 has, for each of the first four groups of four columns, four
/// bytes of every row, whose low nibbles are that group and whose high nibbles are the group 16 columns on; a weight is (nibble - 8) · scale. Columns past the end are zero.
/// </summary>
internal static class TileLayout
{
    public const int Rows = 16;

    public const int BlockColumns = 32;

    /// <summary>How far ahead of the block that is computed memory is asked for: so far that it keeps up, so near that what comes is in the first-level cache still.</summary>
    public const int AheadBytes = 6144;

    /// <summary>What is stored for a weight of zero.</summary>
    public static int Zero(TileFormat format) => format switch
    {
        TileFormat.Q8 => 128,
        TileFormat.Q4 => 8,
        _ => throw new InvalidOperationException($"unknown format {format}"),
    };

    /// <summary>Bytes of the numbers of a block; the scales follow.</summary>
    public static int NumberBytes(TileFormat format) => format switch
    {
        TileFormat.Q8 => Rows * BlockColumns,
        TileFormat.Q4 => Rows * BlockColumns / 2,
        _ => throw new InvalidOperationException($"unknown format {format}"),
    };

    /// <summary>Bytes of the scales of a block.</summary>
    public const int ScaleBytes = Rows * sizeof(ushort);

    /// <summary>Bytes of a tile; a multiple of 64, so that no vector lies across two cache lines.</summary>
    public static int TileBytes(TileFormat format, int columns) => checked((Blocks(columns) * (NumberBytes(format) + ScaleBytes) + 63) / 64 * 64);

    /// <summary>Blocks of a row.</summary>
    public static int Blocks(int columns) => (columns + BlockColumns - 1) / BlockColumns;

    /// <summary>Tiles of a matrix.</summary>
    public static int Tiles(int rows) => (rows + Rows - 1) / Rows;

    /// <summary>Bytes of a matrix.</summary>
    public static long Bytes(TileFormat format, int rows, int columns) => (long)Tiles(rows) * TileBytes(format, columns);

    /// <summary>Where a Q8 weight is in its block.</summary>
    public static int OffsetOfByte(int row, int column) => (column / 4 * Rows + row) * 4 + column % 4;

    /// <summary>Where a Q4 weight's byte is in its block; the nibble is the high one from column 16 on.</summary>
    public static int OffsetOfNibble(int row, int column) => (column % 16 / 4 * Rows + row) * 4 + column % 4;
}
