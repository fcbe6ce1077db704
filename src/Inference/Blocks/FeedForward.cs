using LlmService.Inference.Configuration;
using LlmService.Inference.Kernels;
using LlmService.Inference.Weights;

namespace LlmService.Inference.Blocks;

/// <summary>down(activation(gate(x)) · up(x)), or down(activation(gate(x))) where there is no <c>up</c>.</summary>
/// <param name="activation">The activation.</param>
/// <param name="input">Gate, and up behind it where there is one.</param>
/// <param name="gated">Whether there is an up.</param>
/// <param name="down">The projection back.</param>
internal sealed class FeedForward(Activation activation, Linear input, bool gated, Linear down) : IBlock
{
    // Tokens whose inner states are computed together at most: these are the widest of all, and those of some tokens stay in the caches.
    private const int MostTogether = 128;

    // Of inner states in whole numbers, which with their scales are at most 2.25 bytes each.
    private const int MostQuantized = 4 * MostTogether;

    // Tokens that stay in the first-level cache until they are quantised.
    private const int ActivatedTogether = 8;

    /// <summary>The gate and the line beside it are bounded: (min(up, limit) + 1) · gate σ(1.702 gate) (gpt-oss); null for no bound.</summary>
    public float? Limit { get; init; }

    /// <summary>Floats that the buffers of a block take at most, where no product quantises its input as a whole: inner states, what is activated of them, and that rounded.</summary>
    /// <param name="width">Length of an inner state.</param>
    /// <param name="isGated">Whether there are two of them.</param>
    public static long BufferFloats(int width, bool isGated) => MostTogether * FloatsPerToken(width, isGated);

    /// <summary>The floats of one token among them.</summary>
    /// <param name="width">Length of an inner state.</param>
    /// <param name="isGated">Whether there are two of them.</param>
    public static long FloatsPerToken(int width, bool isGated) => (isGated ? 4L : 3L) * width;

    public void Apply(Memory<float> state, Pass pass, Memory<float> output) => Apply(state, pass.TokenCount, pass, output);

    /// <summary>Computes [tokens, hidden] from [tokens, hidden].</summary>
    public void Apply(Memory<float> state, int tokens, Pass pass, Memory<float> output)
    {
        bool areTiles = input.Tiles is not null && down.Tiles is not null && down.Inputs % TileLayout.Rows == 0;
        int most = input.QuantizesInput || down.QuantizesInput ? tokens : areTiles ? MostQuantized : MostTogether;
        for (int first = 0; first < tokens; first += most)
        {
            int count = Math.Min(most, tokens - first);
            Memory<float> some = state.Slice(first * input.Inputs, count * input.Inputs), results = output.Slice(first * down.Outputs, count * down.Outputs);
            if (areTiles)
                ApplyTiles(some, count, input.Tiles!, down.Tiles!, pass.Compute, results);
            else
                Apply(some, count, pass.Take("feed-forward", count * input.Outputs), pass.Take("feed-forward activated", count * down.Inputs), pass.Compute, results);
        }
    }

    // What is activated is quantised at once, and never in memory as a whole.
    private void ApplyTiles(Memory<float> state, int tokens, TiledMatrix wide, TiledMatrix narrow, Compute compute, Memory<float> output)
    {
        QuantizedRows activated = compute.Reserve(narrow.Format, tokens, down.Inputs);
        wide.Multiply(compute.Quantize(wide.Format, state, tokens, input.Inputs), tokens, gated ? 2 : 1, piece =>
        {
            for (int first = 0; first < piece.Tokens; first += ActivatedTogether)
            {
                int count = Math.Min(ActivatedTogether, piece.Tokens - first);
                for (int token = first; token < first + count; token++)
                {
                    Span<float> products = piece.Of(token);
                    for (int part = 0; part < piece.Parts; part++)
                        input.AddBias(products.Slice(part * piece.Rows, piece.Rows), part * down.Inputs + piece.FirstRow, compute.Path);
                    Activate(products, products[..piece.Rows], compute.Path);
                }
                int stride = piece.Parts * piece.Rows;
                activated.Set(compute.Path, piece.FirstToken + first, count, piece.Results.AsSpan(first * stride), stride, piece.Rows, piece.FirstRow / TileLayout.BlockColumns);
            }
        }, compute);
        down.Apply(activated, tokens, output, compute);
    }

    private void Apply(Memory<float> state, int tokens, Memory<float> inner, Memory<float> activated, Compute compute, Memory<float> output)
    {
        int width = down.Inputs;
        input.Apply(state, tokens, inner, compute);
        compute.Each(tokens, input.Outputs, token =>
            Activate(inner.Span.Slice(token * input.Outputs, input.Outputs), activated.Span.Slice(token * width, width), compute.Path));
        down.Apply(activated, tokens, output, compute);
    }

    // The results may take the place of the row's beginning.
    private void Activate(Span<float> row, Span<float> activated, KernelPath path)
    {
        int width = activated.Length;
        if (Limit is { } limit)
        {
            System.Numerics.Tensors.TensorPrimitives.Min(row[..width], limit, row[..width]);
            System.Numerics.Tensors.TensorPrimitives.Clamp(row[width..], -limit, limit, row[width..]);
            System.Numerics.Tensors.TensorPrimitives.Add(row[width..], 1, row[width..]);
        }
        if (gated)
        {
            ElementKernels.Gate(path, activation, row[..width], row[width..], activated);
        }
        else
        {
            row.CopyTo(activated);
            ElementKernels.Activate(path, activation, activated);
        }
    }
}
