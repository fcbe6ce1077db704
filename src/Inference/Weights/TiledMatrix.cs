using System.Runtime.InteropServices;
using LlmService.Inference.Kernels;

namespace LlmService.Inference.Weights;

/// <summary>A matrix in tiles of whole numbers: made once from stored tensors, which may be several that are multiplied by the same input and lie one below the other.</summary>
internal sealed class TiledMatrix : WeightMatrix
{
    private const int CacheLine = 64;

    // Activations that stay in the second-level cache while the tiles pass by.
    private const int ChunkBytes = 512 * 1024;

    private readonly byte[] _memory;
    private readonly int _start;
    private readonly int _tileBytes;

    // What the results of each row are multiplied by; null where that is 1 for all.
    private float[]? _units;

    private TiledMatrix(TileFormat format, int rows, int columns)
    {
        Format = format;
        Rows = rows;
        Columns = columns;
        _tileBytes = TileLayout.TileBytes(format, columns);
        _memory = GC.AllocateUninitializedArray<byte>(checked((int)(TileLayout.Bytes(format, rows, columns) + CacheLine)), pinned: true);
        _start = (int)((CacheLine - (Marshal.UnsafeAddrOfPinnedArrayElement(_memory, 0) & (CacheLine - 1))) & (CacheLine - 1));
    }

    public TileFormat Format { get; }

    public override int Rows { get; }

    public override int Columns { get; }

    /// <summary>Bytes that the matrix takes.</summary>
    public long ByteCount => _memory.Length;

    /// <summary>Makes the tiles of tensors, one below the other.</summary>
    /// <param name="format">The format.</param>
    /// <param name="tensors">Matrices with the same number of columns.</param>
    /// <param name="compute">Threads.</param>
    public static TiledMatrix Of(TileFormat format, IReadOnlyList<StoredTensor> tensors, Compute compute)
    {
        int columns = tensors[0].Columns;
        if (tensors.Any(t => t.Shape.Count != 2 || t.Columns != columns))
            throw new ArgumentException("Matrices with one number of columns were expected.", nameof(tensors));
        TiledMatrix matrix = new(format, checked((int)tensors.Sum(t => t.Shape[0])), columns);
        int tiles = TileLayout.Tiles(matrix.Rows);
        int parts = Math.Clamp(tiles / 8, 1, compute.ThreadCount * 4);
        float[] units = UnitsOf(tensors, tiles * TileLayout.Rows);
        compute.Run(parts, part =>
        {
            float[] rows = new float[checked(TileLayout.Rows * columns)];
            for (int tile = (int)((long)tiles * part / parts); tile < (int)((long)tiles * (part + 1) / parts); tile++)
            {
                ReadRows(tensors, tile * TileLayout.Rows, rows);
                TilePacker.Pack(format, rows, columns, matrix.Tile(tile), units.AsSpan(tile * TileLayout.Rows, TileLayout.Rows));
            }
        });
        matrix._units = units.AsSpan().ContainsAnyExcept(1f) ? units : null;
        return matrix;
    }

    public override void ReadRow(int row, Span<float> destination)
    {
        TilePacker.Unpack(Format, Tile(row / TileLayout.Rows), row % TileLayout.Rows, destination[..Columns]);
        if (_units is not null)
        {
            foreach (ref float value in destination[..Columns])
                value *= _units[row];
        }
    }

    public override void Multiply(Memory<float> input, int tokens, Memory<float> output, Compute compute)
    {
        QuantizedRows rows = compute.Quantize(Format, input, tokens, Columns);
        int tiles = TileLayout.Tiles(Rows);
        int parts = compute.Parts((long)tokens * Rows * Columns, tiles);
        int chunk = Math.Max(TileKernels.MaxTokens, ChunkBytes / (Format == TileFormat.Q8 ? 2 : 1) / Columns / TileKernels.MaxTokens * TileKernels.MaxTokens);
        compute.Run(parts, part =>
        {
            int first = (int)((long)tiles * part / parts), last = (int)((long)tiles * (part + 1) / parts);
            for (int start = 0; start < tokens; start += chunk)
            {
                for (int tile = first; tile < last; tile++)
                    MultiplyTile(compute.Path, tile, rows, start, Math.Min(tokens, start + chunk), output.Span);
            }
        });
    }

    private void MultiplyTile(KernelPath path, int tile, QuantizedRows input, int first, int end, Span<float> output)
    {
        Span<float> results = stackalloc float[TileKernels.MaxTokens * TileLayout.Rows];
        ReadOnlySpan<byte> weights = Tile(tile);
        int row = tile * TileLayout.Rows, count = Math.Min(TileLayout.Rows, Rows - row);
        for (int token = first; token < end; token += TileKernels.MaxTokens)
        {
            int tokens = Math.Min(TileKernels.MaxTokens, end - token);
            TileKernels.Multiply(path, Format, weights, input, token, tokens == 1 ? 1 : TileKernels.MaxTokens, results);
            if (_units is not null)
            {
                for (int i = 0; i < tokens * TileLayout.Rows; i++)
                    results[i] *= _units[row + i % TileLayout.Rows];
            }
            for (int i = 0; i < tokens; i++)
                results.Slice(i * TileLayout.Rows, count).CopyTo(output[((token + i) * Rows + row)..]);
        }
    }

    private Span<byte> Tile(int index) => _memory.AsSpan(_start + index * _tileBytes, _tileBytes);

    /// <summary>The scale of each row that is stored in whole numbers with one scale; 1 for all others.</summary>
    private static float[] UnitsOf(IReadOnlyList<StoredTensor> tensors, int rows)
    {
        float[] units = new float[rows];
        units.AsSpan().Fill(1);
        int first = 0;
        foreach (StoredTensor tensor in tensors)
        {
            int count = (int)tensor.Shape[0];
            if (tensor is { Type: TensorType.I8 or TensorType.U8, Scaling: { } scaling } && scaling.ColumnsPerScale >= tensor.Columns)
            {
                for (int row = 0; row < count; row++)
                    units[first + row] = scaling.OfRow(row).Scale;
            }
            first += count;
        }
        return units;
    }

    /// <summary>Sixteen rows from the given one on; zeros past the end.</summary>
    private static void ReadRows(IReadOnlyList<StoredTensor> tensors, int first, Span<float> rows)
    {
        int columns = tensors[0].Columns, filled = 0;
        foreach (StoredTensor tensor in tensors)
        {
            int count = (int)tensor.Shape[0];
            int take = Math.Min(count - first, TileLayout.Rows - filled);
            if (take > 0)
            {
                tensor.ReadRows(first, take, rows[(filled * columns)..]);
                filled += take;
                first += take;
            }
            first -= count;
            if (filled == TileLayout.Rows)
                return;
        }
        rows[(filled * columns)..].Clear();
    }
}
