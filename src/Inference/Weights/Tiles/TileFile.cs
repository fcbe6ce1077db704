using System.Buffers.Binary;
using LlmService.Inference.Kernels;

namespace LlmService.Inference.Weights.Tiles;

/// <summary>
/// A file of packed matrices that has been mapped and checked whole. Its layout, little endian as the tiles themselves:
/// a header of one page (magic, version, where the table is, sizes, the identity of the weights, and the sums of the table and of the header),
/// the matrices from byte 4096 on, each at a multiple of 64, then the table: an entry for each matrix, and the sum of each mebibyte of what lies before.
/// </summary>
internal sealed class TileFile : IDisposable
{
    public const int DataStart = 4096, Alignment = 64, ChunkBytes = 1 << 20, EntryBytes = 48, IdentityBytes = 32;

    // Offsets in the header.
    public const int VersionAt = 8, EntriesAt = 12, TableAt = 16, LengthAt = 24, IdentityAt = 32, TableSumAt = IdentityAt + IdentityBytes, HeaderSumAt = TableSumAt + Checksum.Bytes;

    // More than any model has, and a table that one span can hold.
    private const int MaxEntries = 1 << 20, MaxTableBytes = 1 << 30;

    private readonly MappedFile _file;
    private readonly Dictionary<UInt128, Entry> _entries = [];

    private TileFile(MappedFile file) => _file = file;

    public static ReadOnlySpan<byte> Magic => "LLMTILES"u8;

    /// <summary>Maps a file; null where there is none, where it is of another version or other weights, or where a bit of it is not what was written.</summary>
    /// <param name="path">The file.</param>
    /// <param name="identity">What it must have been made from.</param>
    /// <param name="workers">Threads that check.</param>
    public static TileFile? Open(string path, byte[] identity, WorkerPool workers)
    {
        if (!File.Exists(path))
            return null;
        MappedFile? mapped = null;
        try
        {
            mapped = new MappedFile(path);
            TileFile file = new(mapped);
            if (file.Read(identity, workers))
                return file;
        }
        catch (Exception e) when (TileCache.IsRefusal(e))
        {
            // It is packed anew.
        }
        mapped?.Dispose();
        return null;
    }

    /// <summary>A matrix; null where it is not there.</summary>
    /// <param name="key">Its key.</param>
    /// <param name="format">Its format.</param>
    /// <param name="rows">Its rows.</param>
    /// <param name="columns">Its columns.</param>
    public TiledMatrix? Find(UInt128 key, TileFormat format, int rows, int columns)
    {
        if (!_entries.TryGetValue(key, out Entry entry) || entry.Bytes != TileLayout.Bytes(format, rows, columns) || (entry.Units != 0 && entry.Units != TileLayout.Tiles(rows) * TileLayout.Rows))
            return null;
        float[]? units = null;
        if (entry.Units > 0)
        {
            units = new float[entry.Units];
            for (int i = 0; i < units.Length; i++)
                units[i] = BinaryPrimitives.ReadSingleLittleEndian(_file.Span(entry.UnitsOffset + ((long)i * sizeof(float)), sizeof(float)));
        }
        return new TiledMatrix(format, rows, columns, _file, entry.Offset, units);
    }

    public void Dispose() => _file.Dispose();

    private bool Read(byte[] identity, WorkerPool workers)
    {
        if (_file.Length < DataStart)
            return false;
        ReadOnlySpan<byte> header = _file.Span(0, DataStart);
        int entries = BinaryPrimitives.ReadInt32LittleEndian(header[EntriesAt..]);
        long table = BinaryPrimitives.ReadInt64LittleEndian(header[TableAt..]), tableBytes = _file.Length - table;
        if (!header.StartsWith(Magic) || BinaryPrimitives.ReadInt32LittleEndian(header[VersionAt..]) != TileIdentity.Version
            || !header.Slice(IdentityAt, IdentityBytes).SequenceEqual(identity)
            || !Checksum.Matches(header[..HeaderSumAt], header.Slice(HeaderSumAt, Checksum.Bytes))
            || BinaryPrimitives.ReadInt64LittleEndian(header[LengthAt..]) != _file.Length
            || entries is < 0 or > MaxEntries || table < DataStart || tableBytes is < 0 or > MaxTableBytes)
            return false;
        int chunks = (int)((table - DataStart + ChunkBytes - 1) / ChunkBytes);
        if (tableBytes != ((long)entries * EntryBytes) + ((long)chunks * Checksum.Bytes)
            || !Checksum.Matches(_file.Span(table, (int)tableBytes), header.Slice(TableSumAt, Checksum.Bytes)))
            return false;
        return ReadEntries(entries, table) && AreIntact(table, table + ((long)entries * EntryBytes), chunks, workers);
    }

    private bool ReadEntries(int count, long table)
    {
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> bytes = _file.Span(table + ((long)i * EntryBytes), EntryBytes);
            Entry entry = new(BinaryPrimitives.ReadInt64LittleEndian(bytes[16..]), BinaryPrimitives.ReadInt64LittleEndian(bytes[24..]),
                BinaryPrimitives.ReadInt64LittleEndian(bytes[32..]), BinaryPrimitives.ReadInt64LittleEndian(bytes[40..]));
            if (!IsInside(entry.Offset, entry.Bytes) || entry.Offset % Alignment != 0 || entry.Units is < 0 or > int.MaxValue || !IsInside(entry.UnitsOffset, entry.Units * sizeof(float)))
                return false;
            _entries[BinaryPrimitives.ReadUInt128LittleEndian(bytes)] = entry;
        }
        return true;

        bool IsInside(long offset, long length) => offset >= DataStart && length >= 0 && offset <= table && length <= table - offset;
    }

    /// <summary>Reads everything once. That brings the pages in as well, which the first request would have to wait for otherwise.</summary>
    private bool AreIntact(long end, long sums, int chunks, WorkerPool workers)
    {
        int damaged = 0;
        workers.Run(chunks, chunk =>
        {
            long start = DataStart + ((long)chunk * ChunkBytes);
            if (!Checksum.Matches(_file.Span(start, (int)Math.Min(ChunkBytes, end - start)), _file.Span(sums + ((long)chunk * Checksum.Bytes), Checksum.Bytes)))
                Interlocked.Exchange(ref damaged, 1);
        });
        return damaged == 0;
    }

    /// <summary>Where a matrix is.</summary>
    /// <param name="Offset">Where its tiles begin.</param>
    /// <param name="Bytes">How long they are.</param>
    /// <param name="UnitsOffset">Where the scales of its rows begin.</param>
    /// <param name="Units">How many there are; 0 where all are 1.</param>
    private readonly record struct Entry(long Offset, long Bytes, long UnitsOffset, long Units);
}
