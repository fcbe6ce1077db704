using LlmService.Inference.Configuration;
using LlmService.Inference.Kernels;

namespace LlmService.Inference.Blocks;

/// <summary>down(activation(gate(x)) · up(x)), or down(activation(gate(x))) where there is no <c>up</c>.</summary>
/// <param name="activation">The activation.</param>
/// <param name="input">Gate, and up behind it where there is one.</param>
/// <param name="gated">Whether there is an up.</param>
/// <param name="down">The projection back.</param>
internal sealed class FeedForward(Activation activation, Linear input, bool gated, Linear down) : IBlock
{
    /// <summary>The gate and the line beside it are bounded: (min(up, limit) + 1) · gate σ(1.702 gate) (gpt-oss); null for no bound.</summary>
    public float? Limit { get; init; }

    public void Apply(Memory<float> state, Pass pass, Memory<float> output) => Apply(state, pass.TokenCount, pass, output);

    /// <summary>Computes [tokens, hidden] from [tokens, hidden].</summary>
    public void Apply(Memory<float> state, int tokens, Pass pass, Memory<float> output)
    {
        Compute compute = pass.Compute;
        int width = gated ? input.Outputs / 2 : input.Outputs;
        Memory<float> inner = pass.Take("feed-forward", tokens * input.Outputs);
        input.Apply(state, tokens, inner, compute);
        compute.Each(tokens, input.Outputs, token => Activate(inner.Span.Slice(token * input.Outputs, input.Outputs), width, compute.Path));
        Memory<float> packed = gated && tokens > 1 ? Pack(inner.Span, tokens, width, pass.Take("feed-forward packed", tokens * width)) : inner[..(tokens * width)];
        down.Apply(packed, tokens, output, compute);
    }

    private void Activate(Span<float> row, int width, KernelPath path)
    {
        if (Limit is { } limit)
        {
            System.Numerics.Tensors.TensorPrimitives.Min(row[..width], limit, row[..width]);
            System.Numerics.Tensors.TensorPrimitives.Clamp(row[width..], -limit, limit, row[width..]);
            System.Numerics.Tensors.TensorPrimitives.Add(row[width..], 1, row[width..]);
        }
        ElementKernels.Activate(path, activation, row[..width]);
        if (gated)
            ElementKernels.Multiply(path, row[..width], row[width..]);
    }

    private static Memory<float> Pack(ReadOnlySpan<float> rows, int tokens, int width, Memory<float> packed)
    {
        for (int token = 0; token < tokens; token++)
            rows.Slice(token * 2 * width, width).CopyTo(packed.Span[(token * width)..]);
        return packed;
    }
}
