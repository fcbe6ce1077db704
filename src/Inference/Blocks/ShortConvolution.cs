using LlmService.Inference.Execution;
using LlmService.Inference.Kernels;

namespace LlmService.Inference.Blocks;

/// <summary>A gated convolution over the last few tokens, one channel at a time (LFM2): out(c · conv(b · x)), where b, c and x are projections of the state.</summary>
/// <param name="slot">Where the layer keeps the inputs of the tokens before.</param>
/// <param name="input">Projections b, c and x, side by side.</param>
/// <param name="kernel">[length, width]: the oldest token first.</param>
/// <param name="bias">[width]; null for none.</param>
/// <param name="output">Projection back.</param>
internal sealed class ShortConvolution(CacheSlot slot, Linear input, float[] kernel, float[]? bias, Linear output) : IBlock
{
    public void Apply(Memory<float> state, Pass pass, Memory<float> result)
    {
        int tokens = pass.TokenCount, width = input.Outputs / 3;
        Memory<float> projected = pass.Take("convolution", tokens * 3 * width), mixed = pass.Take("convolved", tokens * width);
        input.Apply(state, tokens, projected, pass.Compute);
        for (int token = 0; token < tokens; token++)
        {
            Span<float> row = projected.Span.Slice(token * 3 * width, 3 * width), gated = row[..width];
            ElementKernels.Multiply(pass.Path, gated, row[(2 * width)..]);
            Span<float> inputs = pass.State(slot, token, kernel.Length);
            Push(inputs, gated, PlaceOf(token, pass, kernel.Length / width));
            Convolve(inputs, mixed.Span.Slice(token * width, width));
            ElementKernels.Multiply(pass.Path, mixed.Span.Slice(token * width, width), row.Slice(width, width));
        }
        output.Apply(mixed, tokens, result, pass.Compute);
    }

    /// <summary>
    /// Where an input goes among the last ones: to the end, except that the reference puts one that is computed alone at its own position while fewer than those have been
    /// seen, which it does after a prompt that is shorter than the convolution.
    /// </summary>
    private static int PlaceOf(int token, Pass pass, int length)
    {
        int position = pass.Positions[token];
        bool isAlone = pass.Starts[token] == position && pass.Lengths[token] == position + 1;
        return isAlone && position > 0 ? Math.Min(position, length - 1) : length - 1;
    }

    /// <summary>Moves all inputs one place towards the oldest, which comes round to the end, and writes the newest over one of them.</summary>
    private static void Push(Span<float> inputs, ReadOnlySpan<float> newest, int place)
    {
        int width = newest.Length;
        float[] oldest = inputs[..width].ToArray();
        inputs[width..].CopyTo(inputs);
        oldest.CopyTo(inputs[^width..]);
        newest.CopyTo(inputs[(place * width)..]);
    }

    private void Convolve(ReadOnlySpan<float> inputs, Span<float> sums)
    {
        int width = sums.Length;
        for (int channel = 0; channel < width; channel++)
        {
            float sum = bias?[channel] ?? 0;
            for (int at = channel; at < inputs.Length; at += width)
                sum += kernel[at] * inputs[at];
            sums[channel] = sum;
        }
    }
}
