using System.Buffers;
using LlmService.Inference.Kernels;
using LlmService.Inference.Kernels.Emitted;

namespace LlmService.Inference.Weights;

/// <summary>
/// A matrix in two parts of 4 bits, of which the second is what the first lacks. All rows are multiplied by the first; then those results that are among the largest of a
/// token are made as exact as 8 bits would. That suits a head: it reads half of what 8 bits read, and whatever can be chosen is as exact as there. Which rows that are depends on
/// the token alone.
/// </summary>
/// <param name="coarse">The weights in 4 bits.</param>
/// <param name="rest">What they lack.</param>
internal sealed class RefinedMatrix(TiledMatrix coarse, TiledMatrix rest) : WeightMatrix
{
    /// <summary>Tiles of 16 rows that are refined for a token.</summary>
    public const int RefinedTiles = 64;

    // What it costs to look at a result, in multiplications.
    private const long WorkPerResult = 4;

    public override int Rows => coarse.Rows;

    public override int Columns => coarse.Columns;

    public override void ReadRow(int row, Span<float> destination)
    {
        float[] added = ArrayPool<float>.Shared.Rent(Columns);
        coarse.ReadRow(row, destination);
        rest.ReadRow(row, added);
        for (int column = 0; column < Columns; column++)
            destination[column] += added[column];
        ArrayPool<float>.Shared.Return(added);
    }

    public override void Multiply(Memory<float> input, int tokens, Memory<float> output, Compute compute)
    {
        QuantizedRows rows = compute.Quantize(coarse.Format, input, tokens, Columns);
        coarse.Multiply(rows, tokens, output, compute);
        int tiles = TileLayout.Tiles(Rows), count = Math.Min(tiles, RefinedTiles);
        int[] chosen = ArrayPool<int>.Shared.Rent(tokens * count);
        Choose(tokens, tiles, count, output, chosen, compute);
        // A tile's product is made for all tokens of a group, whatever one of them needs.
        compute.Split((long)tokens * count * TileLayout.Rows * Columns, tokens * count, (first, end) =>
        {
            Span<float> products = stackalloc float[VnniKernels.MaxTokens * TileLayout.Rows];
            for (int i = first; i < end; i++)
                Refine(i / count, chosen[i], rows, output.Span, products, compute.Path);
        });
        ArrayPool<int>.Shared.Return(chosen);
    }

    /// <summary>Finds the tiles whose largest result is among the largest of a token, [tokens, count].</summary>
    private void Choose(int tokens, int tiles, int count, Memory<float> output, int[] chosen, Compute compute)
    {
        float[] highest = ArrayPool<float>.Shared.Rent(tokens * tiles);
        compute.Split(WorkPerResult * tokens * Rows, tokens * tiles, (first, end) =>
        {
            for (int unit = first, count; unit < end; unit += count)
            {
                int token = unit / tiles, tile = unit % tiles;
                count = Math.Min(tiles - tile, end - unit);
                ReadOnlySpan<float> results = output.Span.Slice(token * Rows, Math.Min(Rows, (tile + count) * TileLayout.Rows))[(tile * TileLayout.Rows)..];
                ElementKernels.HighestOfTiles(compute.Path, results, highest.AsSpan(unit, count));
            }
        });
        compute.Run(tokens, token => Choose(highest.AsSpan(token * tiles, tiles), chosen.AsSpan(token * count, count)));
        ArrayPool<float>.Shared.Return(highest);
    }

    private static void Choose(ReadOnlySpan<float> highest, Span<int> chosen)
    {
        PriorityQueue<int, float> best = new(chosen.Length);
        for (int tile = 0; tile < chosen.Length; tile++)
            best.Enqueue(tile, highest[tile]);
        best.TryPeek(out _, out float least);
        for (int tile = chosen.Length; tile < highest.Length; tile++)
        {
            if (highest[tile] <= least)
                continue;
            best.EnqueueDequeue(tile, highest[tile]);
            best.TryPeek(out _, out least);
        }
        for (int i = 0; i < chosen.Length; i++)
            chosen[i] = best.Dequeue();
    }

    private void Refine(int token, int tile, QuantizedRows input, Span<float> output, Span<float> products, KernelPath path)
    {
        int group = input.GroupOf(token), row = tile * TileLayout.Rows, count = Math.Min(TileLayout.Rows, Rows - row);
        TileKernels.Multiply(path, rest.Format, rest.Tile(tile), rest.Tile(tile).Length, input, group, 1, products, TileLayout.Rows);
        ElementKernels.Add(path, output.Slice(token * Rows + row, count), products.Slice((token - input.First(group)) * TileLayout.Rows, count));
    }
}
