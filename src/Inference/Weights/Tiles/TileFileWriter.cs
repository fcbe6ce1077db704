using System.Buffers.Binary;
using LlmService.Inference.Kernels;

namespace LlmService.Inference.Weights.Tiles;

/// <summary>Writes a <see cref="TileFile"/>. Nothing is forced onto the disk: a crash may leave a file with holes, whose sums do not match, and which is then written anew.</summary>
/// <param name="stream">An empty file.</param>
internal sealed class TileFileWriter(Stream stream)
{
    private readonly byte[] _buffer = new byte[TileFile.ChunkBytes];
    private readonly List<byte> _entries = [], _sums = [];
    private int _filled;
    private long _flushed = TileFile.DataStart;

    private long Position => _flushed + _filled;

    /// <summary>Bytes of a file of these matrices, or a little more.</summary>
    public static long SizeOf(IEnumerable<TiledMatrix> matrices)
    {
        long bytes = TileFile.DataStart;
        foreach (TiledMatrix matrix in matrices)
            bytes += matrix.ByteCount + (matrix.Units.Length * sizeof(float)) + (2 * TileFile.Alignment) + TileFile.EntryBytes;
        return bytes + (((bytes / TileFile.ChunkBytes) + 1) * Checksum.Bytes);
    }

    /// <summary>Writes the file.</summary>
    /// <param name="identity">What the matrices were made from.</param>
    /// <param name="matrices">The matrices with their keys.</param>
    /// <param name="cancellationToken">Ends the writing.</param>
    public void Write(byte[] identity, IReadOnlyCollection<KeyValuePair<UInt128, TiledMatrix>> matrices, CancellationToken cancellationToken)
    {
        stream.Position = TileFile.DataStart;
        foreach ((UInt128 key, TiledMatrix matrix) in matrices)
            Add(key, matrix, cancellationToken);
        FlushChunk();
        long table = _flushed;
        byte[] tableBytes = [.. _entries, .. _sums];
        stream.Write(tableBytes);
        // Last, so that a file that was not written to its end has none.
        stream.Position = 0;
        stream.Write(Header(identity, matrices.Count, table, tableBytes));
        stream.Flush();
    }

    private void Add(UInt128 key, TiledMatrix matrix, CancellationToken cancellationToken)
    {
        Align();
        long offset = Position;
        for (int tile = 0; tile < TileLayout.Tiles(matrix.Rows); tile++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Append(matrix.Tile(tile));
        }
        Align();
        long units = Position;
        Span<byte> number = stackalloc byte[sizeof(float)];
        foreach (float unit in matrix.Units)
        {
            BinaryPrimitives.WriteSingleLittleEndian(number, unit);
            Append(number);
        }
        Span<byte> entry = stackalloc byte[TileFile.EntryBytes];
        BinaryPrimitives.WriteUInt128LittleEndian(entry, key);
        BinaryPrimitives.WriteInt64LittleEndian(entry[16..], offset);
        BinaryPrimitives.WriteInt64LittleEndian(entry[24..], matrix.ByteCount);
        BinaryPrimitives.WriteInt64LittleEndian(entry[32..], units);
        BinaryPrimitives.WriteInt64LittleEndian(entry[40..], matrix.Units.Length);
        _entries.AddRange(entry);
    }

    private static byte[] Header(byte[] identity, int entries, long table, byte[] tableBytes)
    {
        byte[] header = new byte[TileFile.DataStart];
        TileFile.Magic.CopyTo(header);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(TileFile.VersionAt), TileIdentity.Version);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(TileFile.EntriesAt), entries);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(TileFile.TableAt), table);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(TileFile.LengthAt), table + tableBytes.Length);
        identity.CopyTo(header, TileFile.IdentityAt);
        Checksum.Write(tableBytes, header.AsSpan(TileFile.TableSumAt));
        Checksum.Write(header.AsSpan(0, TileFile.HeaderSumAt), header.AsSpan(TileFile.HeaderSumAt));
        return header;
    }

    private void Align()
    {
        ReadOnlySpan<byte> zeros = stackalloc byte[TileFile.Alignment];
        Append(zeros[..(int)(-Position & (TileFile.Alignment - 1))]);
    }

    private void Append(ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            int count = Math.Min(bytes.Length, _buffer.Length - _filled);
            bytes[..count].CopyTo(_buffer.AsSpan(_filled));
            _filled += count;
            bytes = bytes[count..];
            if (_filled == _buffer.Length)
                FlushChunk();
        }
    }

    private void FlushChunk()
    {
        if (_filled == 0)
            return;
        Span<byte> sum = stackalloc byte[Checksum.Bytes];
        Checksum.Write(_buffer.AsSpan(0, _filled), sum);
        _sums.AddRange(sum);
        stream.Write(_buffer, 0, _filled);
        _flushed += _filled;
        _filled = 0;
    }
}
