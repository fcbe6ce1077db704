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
/// How a matrix lies in memory for the kernels: tiles of 32 rows, each a row of blocks of 32 columns. A block has the numbers of the first 16 rows (a strip), those of the other 16, then a bfloat16
/// scale for each row: whole cache lines, and kernels go from block to block. A strip of Q8 has, for each group of four columns, four bytes of every row; a weight is (byte - 128) · scale. A strip
/// of Q4 has, for each of the first four groups of four columns, four bytes of every row, whose low nibbles are that group and whose high nibbles are the group 16 columns on; a weight is
/// (nibble - 8) · scale. Columns past the end are zero.
/// </summary>
internal static class TileLayout
{
    /// <summary>Rows of a strip: as many as the widest vectors have lanes.</summary>
    public const int StripRows = 16;

    public const int Strips = 2;

    public const int Rows = Strips * StripRows;

    public const int BlockColumns = 32;

    /// <summary>How far ahead of the block that is computed memory is asked for: so far that it keeps up, so near that what comes is in the first-level cache still.</summary>
    public const int AheadBytes = 6144;

    /// <summary>Bytes of the scales of a block.</summary>
    public const int ScaleBytes = Rows * sizeof(ushort);

    /// <summary>What is stored for a weight of zero.</summary>
    public static int Zero(TileFormat format) => format switch
    {
        TileFormat.Q8 => 128,
        TileFormat.Q4 => 8,
        _ => throw new InvalidOperationException($"unknown format {format}"),
    };

    /// <summary>Bytes of the numbers of a strip of a block.</summary>
    public static int StripBytes(TileFormat format) => format switch
    {
        TileFormat.Q8 => StripRows * BlockColumns,
        TileFormat.Q4 => StripRows * BlockColumns / 2,
        _ => throw new InvalidOperationException($"unknown format {format}"),
    };

    /// <summary>Bytes of a block; a multiple of 64, so that no vector lies across two cache lines.</summary>
    public static int BlockBytes(TileFormat format) => Strips * StripBytes(format) + ScaleBytes;

    /// <summary>Bytes of a tile.</summary>
    public static int TileBytes(TileFormat format, int columns) => checked(Blocks(columns) * BlockBytes(format));

    /// <summary>Blocks of a row.</summary>
    public static int Blocks(int columns) => (columns + BlockColumns - 1) / BlockColumns;

    /// <summary>Tiles of a matrix.</summary>
    public static int Tiles(int rows) => (rows + Rows - 1) / Rows;

    /// <summary>Bytes of a matrix.</summary>
    public static long Bytes(TileFormat format, int rows, int columns) => (long)Tiles(rows) * TileBytes(format, columns);

    /// <summary>Where a Q8 weight is in its block.</summary>
    public static int OffsetOfByte(int row, int column) => row / StripRows * StripBytes(TileFormat.Q8) + (column / 4 * StripRows + row % StripRows) * 4 + column % 4;

    /// <summary>Where a Q4 weight's byte is in its block; the nibble is the high one from column 16 on.</summary>
    public static int OffsetOfNibble(int row, int column) => row / StripRows * StripBytes(TileFormat.Q4) + (column % 16 / 4 * StripRows + row % StripRows) * 4 + column % 4;

    /// <summary>Where a row's scale is in its block.</summary>
    public static int OffsetOfScale(TileFormat format, int row) => Strips * StripBytes(format) + row * sizeof(ushort);
}
