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
    /// <summary>Tokens whose inner states are computed together at most.</summary>
    public const int MostTogether = 128;

    /// <summary>The gate and the line beside it are bounded: (min(up, limit) + 1) · gate σ(1.702 gate) (gpt-oss); null for no bound.</summary>
    public float? Limit { get; init; }

    public void Apply(Memory<float> state, Pass pass, Memory<float> output) => Apply(state, pass.TokenCount, pass, output);

    /// <summary>Computes [tokens, hidden] from [tokens, hidden].</summary>
    public void Apply(Memory<float> state, int tokens, Pass pass, Memory<float> output)
    {
        // The inner states are the widest of all: those of some tokens stay in the caches, those of a long prompt would go to memory and back.
        int together = input.QuantizesInput || down.QuantizesInput ? tokens : Math.Min(tokens, MostTogether);
        Memory<float> inner = pass.Take("feed-forward", together * input.Outputs), activated = pass.Take("feed-forward activated", together * down.Inputs);
        for (int first = 0; first < tokens; first += together)
        {
            int count = Math.Min(together, tokens - first);
            Apply(state.Slice(first * input.Inputs, count * input.Inputs), count, inner, activated, pass.Compute, output.Slice(first * down.Outputs, count * down.Outputs));
        }
    }

    private void Apply(Memory<float> state, int tokens, Memory<float> inner, Memory<float> activated, Compute compute, Memory<float> output)
    {
        int width = down.Inputs;
        input.Apply(state, tokens, inner, compute);
        compute.Each(tokens, input.Outputs, token =>
            Activate(inner.Span.Slice(token * input.Outputs, input.Outputs), activated.Span.Slice(token * width, width), compute.Path));
        down.Apply(activated, tokens, output, compute);
    }

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
