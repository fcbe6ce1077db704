using LlmService.Inference.Configuration;
using LlmService.Inference.Kernels;

namespace LlmService.Inference.Architectures;

/// <summary>down(activation(gate(x)) · up(x)), or down(activation(gate(x))) where there is no <c>up</c>.</summary>
internal sealed class FeedForward(Activation activation, Linear gate, Linear? up, Linear down)
{
    /// <summary>Computes [tokens, hidden] from [tokens, hidden].</summary>
    public void Apply(Memory<float> input, int tokens, Memory<float> output, Scratch scratch, Compute compute)
    {
        int count = tokens * gate.Outputs;
        Memory<float> inner = scratch.Take("feed-forward gate", count);
        gate.Apply(input, tokens, inner, compute);
        ElementKernels.Activate(compute.Path, activation, inner.Span);
        if (up is not null)
        {
            Memory<float> factors = scratch.Take("feed-forward up", count);
            up.Apply(input, tokens, factors, compute);
            ElementKernels.Multiply(inner.Span, factors.Span);
        }
        down.Apply(inner, tokens, output, compute);
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
