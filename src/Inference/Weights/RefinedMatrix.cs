using System.Buffers;
using LlmService.Inference.Kernels;
using LlmService.Inference.Kernels.Emitted;

namespace LlmService.Inference.Weights;

/// <summary>
/// A head in two parts of 4 bits, of which the second is what the first lacks. All rows are multiplied by the first; then those results that are among the largest of a
/// token are made as exact as 8 bits would. It reads half of what 8 bits read, and what is likely to be chosen is as exact as there. Which rows that are depends on the token alone.
/// </summary>
/// <param name="coarse">The weights in 4 bits.</param>
/// <param name="rest">What they lack.</param>
/// <param name="bias">Added to the results, [Rows]; null for none.</param>
internal sealed class RefinedMatrix(TiledMatrix coarse, TiledMatrix rest, float[]? bias) : WeightMatrix
{
    /// <summary>
    /// Tiles that are refined for a token. In a model of 32,000 tokens the divergence from f32 is then that of a head of 8 bits, 0.128 nats a token; with 64 rows instead of these 1,024 it is 0.133.
    /// </summary>
    public const int RefinedTiles = 32;

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
        QuantizedRows quantized = compute.Quantize(coarse.Format, input, tokens, Columns);
        coarse.Multiply(quantized, tokens, output, compute);
        if (bias is not null)
            compute.Each(tokens, Rows, token => ElementKernels.Add(compute.Path, output.Span.Slice(token * Rows, Rows), bias));

        int tiles = TileLayout.Tiles(Rows), most = Math.Min(tiles, RefinedTiles), groups = quantized.GroupCount;
        int[] chosen = ArrayPool<int>.Shared.Rent(tokens * most), products = ArrayPool<int>.Shared.Rent(tokens * most);
        // For each tile the tokens of a group that want it, a bit each.
        byte[] wanted = ArrayPool<byte>.Shared.Rent(groups * tiles);
        FindLargest(tokens, tiles, most, output, chosen, compute);
        int count = Join(tokens, tiles, most, quantized, chosen, wanted.AsSpan(0, groups * tiles), products);
        compute.Split((long)count * TileLayout.Rows * Columns, count, (first, end) =>
        {
            Span<float> results = stackalloc float[VnniKernels.MaxTokens * TileLayout.Rows];
            foreach (int product in products.AsSpan(first..end))
                Refine(product / tiles, product % tiles, wanted[product], quantized, output.Span, results, compute.Path);
        });
        ArrayPool<int>.Shared.Return(chosen);
        ArrayPool<int>.Shared.Return(products);
        ArrayPool<byte>.Shared.Return(wanted);
    }

    /// <summary>Finds the tiles whose largest result is among the largest of a token.</summary>
    /// <param name="tokens">How many tokens.</param>
    /// <param name="tiles">How many tiles.</param>
    /// <param name="most">How many tiles are wanted for each token.</param>
    /// <param name="output">The results, [tokens, Rows].</param>
    /// <param name="chosen">Receives the tiles, [tokens, most].</param>
    /// <param name="compute">Kernels and threads.</param>
    private void FindLargest(int tokens, int tiles, int most, Memory<float> output, int[] chosen, Compute compute)
    {
        float[] highest = ArrayPool<float>.Shared.Rent(tokens * tiles);
        compute.Split(WorkPerResult * tokens * Rows, tokens * tiles, (first, end) =>
        {
            for (int unit = first, together; unit < end; unit += together)
            {
                int token = unit / tiles, tile = unit % tiles;
                together = Math.Min(tiles - tile, end - unit);
                ReadOnlySpan<float> results = output.Span.Slice(token * Rows, Math.Min(Rows, (tile + together) * TileLayout.Rows))[(tile * TileLayout.Rows)..];
                ElementKernels.HighestOfTiles(compute.Path, results, highest.AsSpan(unit, together));
            }
        });
        compute.Run(tokens, token => TakeLargest(highest.AsSpan(token * tiles, tiles), chosen.AsSpan(token * most, most)));
        ArrayPool<float>.Shared.Return(highest);
    }

    private static void TakeLargest(ReadOnlySpan<float> highest, Span<int> chosen)
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

    /// <summary>Lists the products that are to be made: of each group of tokens with each tile that one of them wants, as group · tiles + tile. Returns how many there are.</summary>
    private static int Join(int tokens, int tiles, int most, QuantizedRows input, ReadOnlySpan<int> chosen, Span<byte> wanted, Span<int> products)
    {
        int count = 0;
        wanted.Clear();
        for (int token = 0; token < tokens; token++)
        {
            int group = input.GroupOf(token);
            foreach (int tile in chosen.Slice(token * most, most))
            {
                ref byte who = ref wanted[group * tiles + tile];
                if (who == 0)
                    products[count++] = group * tiles + tile;
                who |= (byte)(1 << (token - input.First(group)));
            }
        }
        return count;
    }

    private void Refine(int group, int tile, byte wanted, QuantizedRows input, Span<float> output, Span<float> results, KernelPath path)
    {
        int row = tile * TileLayout.Rows, count = Math.Min(TileLayout.Rows, Rows - row);
        ReadOnlySpan<byte> bytes = rest.Tile(tile);
        TileKernels.Multiply(path, rest.Format, bytes, bytes.Length, input, group, 1, results, TileLayout.Rows);
        for (int i = 0; i < input.Tokens(group); i++)
        {
            if ((wanted >> i & 1) != 0)
                ElementKernels.Add(path, output.Slice((input.First(group) + i) * Rows + row, count), results.Slice(i * TileLayout.Rows, count));
        }
    }
}
