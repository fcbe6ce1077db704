using System.Buffers;
using System.Numerics.Tensors;
using LlmService.Inference.Kernels;
using LlmService.Inference.Kernels.Emitted;

namespace LlmService.Inference.Weights;

/// <summary>A matrix in tiles of whole numbers: made once from stored tensors, which may be several that are multiplied by the same input and lie one below the other.</summary>
internal sealed class TiledMatrix : WeightMatrix
{
    // Activations that stay in the second-level cache while the tiles pass by.
    private const int ChunkBytes = 512 * 1024;

    private const int StepBytes = 128 * 1024;

    // A piece: its weights and the results of so many groups of tokens, which stay in the second-level cache while all groups pass by.
    private const int PieceBytes = 512 * 1024, GroupsOfPiece = 4;

    private const int MaxGroup = VnniKernels.MaxTokens;

    // With so many groups of tokens for each thread it is worth more that it finds them in its own caches than that it reads only its share of the weights.
    private const int GroupsPerThread = 16;

    private readonly TensorBytes _memory;
    private readonly long _start;
    private readonly int _tileBytes;

    // What the results of each row are multiplied by; null where that is 1 for all.
    private readonly float[]? _units;

    /// <summary>A matrix whose tiles are there.</summary>
    /// <param name="format">The format.</param>
    /// <param name="rows">Its rows.</param>
    /// <param name="columns">Its columns.</param>
    /// <param name="memory">What the tiles lie in.</param>
    /// <param name="start">Where they begin, at a multiple of 64 bytes.</param>
    /// <param name="units">What the results of each row are multiplied by, for all rows of all tiles; null where that is 1.</param>
    public TiledMatrix(TileFormat format, int rows, int columns, TensorBytes memory, long start, float[]? units)
    {
        Format = format;
        Rows = rows;
        Columns = columns;
        _tileBytes = TileLayout.TileBytes(format, columns);
        _memory = memory;
        _start = start;
        _units = units;
    }

    public TileFormat Format { get; }

    public override int Rows { get; }

    public override int Columns { get; }

    /// <summary>Bytes that the matrix takes.</summary>
    public long ByteCount => TileLayout.Bytes(Format, Rows, Columns);

    /// <summary>What the results of each row are multiplied by, for all rows of all tiles; empty where that is 1.</summary>
    public ReadOnlySpan<float> Units => _units;

    /// <summary>Makes the tiles of tensors, one below the other.</summary>
    /// <param name="format">The format.</param>
    /// <param name="tensors">Matrices with the same number of columns.</param>
    /// <param name="compute">Threads.</param>
    /// <param name="coarse">A matrix that approximates the tensors: what it lacks of them is packed; null for all of them.</param>
    public static TiledMatrix Of(TileFormat format, IReadOnlyList<StoredTensor> tensors, Compute compute, TiledMatrix? coarse = null)
    {
        int columns = tensors[0].Columns;
        if (tensors.Any(t => t.Shape.Count != 2 || t.Columns != columns))
            throw new ArgumentException("Matrices with one number of columns were expected.", nameof(tensors));
        int count = checked((int)tensors.Sum(t => t.Shape[0])), tiles = TileLayout.Tiles(count), tileBytes = TileLayout.TileBytes(format, columns);
        AlignedMemory memory = new(tensors[0].File.Path, TileLayout.Bytes(format, count, columns));
        float[] units = UnitsOf(tensors, tiles * TileLayout.Rows);
        compute.Split((long)count * columns, tiles, (first, end) =>
        {
            float[] rows = new float[checked(TileLayout.Rows * columns)], scratch = coarse is null ? [] : new float[columns];
            for (int tile = first; tile < end; tile++)
            {
                ReadRows(tensors, tile * TileLayout.Rows, rows);
                coarse?.SubtractFrom(rows, tile, scratch);
                TilePacker.Pack(compute.Path, format, rows, columns, memory.Writable((long)tile * tileBytes, tileBytes), units.AsSpan(tile * TileLayout.Rows, TileLayout.Rows));
            }
        });
        return new(format, count, columns, memory, 0, units.AsSpan().ContainsAnyExcept(1f) ? units : null);
    }

    /// <summary>The rows of a tile, as <see cref="TileLayout"/> has them.</summary>
    public ReadOnlySpan<byte> Tile(int index) => Tiles(index, 1);

    private ReadOnlySpan<byte> Tiles(int first, int count) => _memory.Span(_start + (long)first * _tileBytes, count * _tileBytes);

    public override void ReadRow(int row, Span<float> destination)
    {
        TilePacker.Unpack(Format, Tile(row / TileLayout.Rows), row % TileLayout.Rows, destination[..Columns]);
        if (_units is not null)
        {
            foreach (ref float value in destination[..Columns])
                value *= _units[row];
        }
    }

    public override void Multiply(Memory<float> input, int tokens, Memory<float> output, Compute compute) =>
        Multiply(compute.Quantize(Format, input, tokens, Columns), tokens, output, compute);

    /// <summary>output = rows · weightsᵀ, of activations that are quantised for the matrix already.</summary>
    public void Multiply(QuantizedRows rows, int tokens, Memory<float> output, Compute compute)
    {
        int chunk = Math.Max(1, ChunkBytes / rows.Numbers(0).Length);
        Split(rows, tokens, TileLayout.Tiles(Rows), compute, (firstGroup, endGroup, first, end) =>
        {
            // All groups of tokens pass by some tiles while these are in the second-level cache.
            int step = Math.Max(1, StepBytes / _tileBytes);
            for (int group = firstGroup; group < endGroup; group += chunk)
            {
                Span<float> results = output.Span[(rows.First(group) * Rows)..];
                for (int tile = first; tile < end; tile += step)
                    MultiplyTiles(compute.Path, tile, Math.Min(step, end - tile), rows, group, Math.Min(chunk, endGroup - group), results[(tile * TileLayout.Rows)..], Rows);
            }
        });
    }

    /// <summary>Hands the products on piece by piece, while they are in the caches. All threads do.</summary>
    /// <param name="rows">Activations that are quantised for the matrix.</param>
    /// <param name="tokens">How many.</param>
    /// <param name="parts">Into how many parts of whole tiles the rows of the matrix fall; a piece has the same rows of each.</param>
    /// <param name="take">Takes a piece.</param>
    /// <param name="compute">Kernels and threads.</param>
    public void Multiply(QuantizedRows rows, int tokens, int parts, Action<ProductPiece> take, Compute compute)
    {
        int tiles = Rows / TileLayout.Rows / parts;
        if (tiles * TileLayout.Rows * parts != Rows)
            throw new ArgumentException($"{Rows} rows are not {parts} parts of whole tiles.", nameof(parts));
        Split(rows, tokens, tiles, compute, (firstGroup, endGroup, first, end) =>
        {
            int most = Math.Min(tokens, GroupsOfPiece * rows.Tokens(0)), step = Math.Clamp(PieceBytes / parts / (_tileBytes + most * TileLayout.Rows * sizeof(float)), 1, end - first);
            float[] results = ArrayPool<float>.Shared.Rent(most * parts * step * TileLayout.Rows);
            for (int tile = first; tile < end; tile += step)
            {
                int count = Math.Min(step, end - tile), width = count * TileLayout.Rows;
                for (int group = firstGroup; group < endGroup; group += GroupsOfPiece)
                {
                    int together = Math.Min(GroupsOfPiece, endGroup - group);
                    for (int part = 0; part < parts; part++)
                        MultiplyTiles(compute.Path, part * tiles + tile, count, rows, group, together, results.AsSpan(part * width), parts * width);
                    take(new ProductPiece(results, rows.First(group), rows.Tokens(group, together), tile * TileLayout.Rows, width, parts));
                }
            }
            ArrayPool<float>.Shared.Return(results);
        });
    }

    // Few groups of tokens: all, with some tiles for each thread. Many: each thread takes some of its own with all tiles, and those that are left with some tiles, so that all threads end together.
    private void Split(QuantizedRows rows, int tokens, int tiles, Compute compute, Action<int, int, int, int> part)
    {
        long work = (long)tokens * Rows * Columns;
        int groups = rows.GroupCount, threads = compute.ThreadCount, own = threads > 1 && groups / threads >= GroupsPerThread ? groups * 2 / 3 / threads : 0, owned = own * threads;
        if (own == 0)
            compute.Split(work, tiles, (first, end) => part(0, groups, first, end));
        else
            compute.Split(thread => part(thread * own, (thread + 1) * own, 0, tiles), work / groups * (groups - owned), tiles, (first, end) => part(owned, groups, first, end));
    }

    // The results begin with those of the first token of the groups and the first row of the tiles.
    private void MultiplyTiles(KernelPath path, int tile, int count, QuantizedRows input, int firstGroup, int groups, Span<float> results, int stride)
    {
        int row = tile * TileLayout.Rows, whole = Math.Min(count, Rows / TileLayout.Rows - tile);
        if (whole > 0)
            TileKernels.Multiply(path, Format, Tiles(tile, whole), _tileBytes, input, firstGroup, groups, results, stride);
        if (whole < count)
            MultiplyLast(path, tile + whole, input, firstGroup, groups, results[(whole * TileLayout.Rows)..], stride);
        if (_units is null)
            return;
        int rows = Math.Min(count * TileLayout.Rows, Rows - row), tokens = input.Tokens(firstGroup, groups);
        for (int token = 0; token < tokens; token++)
            ElementKernels.Multiply(path, results.Slice(token * stride, rows), _units.AsSpan(row, rows));
    }

    // The rows of the last tile that the matrix does not have go nowhere.
    private void MultiplyLast(KernelPath path, int tile, QuantizedRows input, int firstGroup, int groups, Span<float> results, int stride)
    {
        Span<float> whole = stackalloc float[MaxGroup * TileLayout.Rows];
        for (int group = firstGroup; group < firstGroup + groups; group++)
        {
            TileKernels.Multiply(path, Format, Tile(tile), _tileBytes, input, group, 1, whole, TileLayout.Rows);
            for (int i = 0; i < input.Tokens(group); i++)
                whole.Slice(i * TileLayout.Rows, Rows - tile * TileLayout.Rows).CopyTo(results[((input.First(group) - input.First(firstGroup) + i) * stride)..]);
        }
    }

    /// <summary>Subtracts the rows of a tile from as many others.</summary>
    private void SubtractFrom(Span<float> rows, int tile, Span<float> scratch)
    {
        for (int i = 0; i < Math.Min(TileLayout.Rows, Rows - tile * TileLayout.Rows); i++)
        {
            ReadRow(tile * TileLayout.Rows + i, scratch);
            Span<float> row = rows.Slice(i * Columns, Columns);
            TensorPrimitives.Subtract(row, scratch, row);
        }
    }

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

    /// <summary>The rows of a tile from the given one on; zeros past the end.</summary>
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

/// <summary>Products of some tokens with some rows of each part of a matrix; valid while they are taken.</summary>
/// <param name="Results">[Tokens, parts, Rows].</param>
/// <param name="FirstToken">The first token.</param>
/// <param name="Tokens">How many.</param>
/// <param name="FirstRow">The first row within a part; a multiple of 32.</param>
/// <param name="Rows">How many; a multiple of 32.</param>
/// <param name="Parts">How many parts there are.</param>
internal readonly record struct ProductPiece(float[] Results, int FirstToken, int Tokens, int FirstRow, int Rows, int Parts)
{
    /// <summary>The results of a token, [parts, Rows].</summary>
    /// <param name="token">0 … Tokens - 1.</param>
    public Span<float> Of(int token) => Results.AsSpan(token * Parts * Rows, Parts * Rows);
}
