using LlmService.Inference.Configuration;
using LlmService.Inference.Kernels;

namespace LlmService.Inference.Architectures;

/// <summary>down(activation(gate(x)) · up(x)), or down(activation(gate(x))) where there is no <c>up</c>.</summary>
/// <param name="activation">The activation.</param>
/// <param name="input">Gate, and up behind it where there is one.</param>
/// <param name="gated">Whether there is an up.</param>
/// <param name="down">The projection back.</param>
internal sealed class FeedForward(Activation activation, Linear input, bool gated, Linear down)
{
    /// <summary>Computes [tokens, hidden] from [tokens, hidden].</summary>
    public void Apply(Memory<float> state, int tokens, Memory<float> output, Scratch scratch, Compute compute)
    {
        int width = gated ? input.Outputs / 2 : input.Outputs;
        Memory<float> inner = scratch.Take("feed-forward", tokens * input.Outputs);
        input.Apply(state, tokens, inner, compute);
        compute.Each(tokens, input.Outputs, token =>
        {
            Span<float> row = inner.Span.Slice(token * input.Outputs, input.Outputs);
            ElementKernels.Activate(compute.Path, activation, row[..width]);
            if (gated)
                ElementKernels.Multiply(compute.Path, row[..width], row[width..]);
        });
        Memory<float> packed = gated && tokens > 1 ? Pack(inner.Span, tokens, width, scratch.Take("feed-forward packed", tokens * width)) : inner[..(tokens * width)];
        down.Apply(packed, tokens, output, compute);
    }

    private static Memory<float> Pack(ReadOnlySpan<float> rows, int tokens, int width, Memory<float> packed)
    {
        for (int token = 0; token < tokens; token++)
            rows.Slice(token * 2 * width, width).CopyTo(packed.Span[(token * width)..]);
        return packed;
    }
}

/// <summary>Buffers that a runner uses again and again. A buffer of a name is valid until the name is asked for again.</summary>
internal sealed class Scratch
{
    private readonly Dictionary<string, float[]> _buffers = new(StringComparer.Ordinal);

    public Memory<float> Take(string name, int count)
    {
        if (!_buffers.TryGetValue(name, out float[]? buffer) || buffer.Length < count)
            _buffers[name] = buffer = new float[count];
        return buffer.AsMemory(0, count);
    }
}
