using LlmService.Inference.Kernels;

namespace LlmService.Inference.Blocks;

/// <summary>A norm of rows: by root mean square, or by mean and variance.</summary>
/// <param name="size">Length of a row.</param>
/// <param name="isCentred">Whether the mean is subtracted.</param>
/// <param name="weights">[size]; null for 1 everywhere.</param>
/// <param name="bias">[size]; null for 0 everywhere.</param>
/// <param name="epsilon">Added to the mean square.</param>
internal sealed class Norm(int size, bool isCentred, float[]? weights, float[]? bias, float epsilon)
{
    public int Size => size;

    /// <summary>Norms every row of [tokens, size]; input and output may be the same.</summary>
    public void Apply(ReadOnlyMemory<float> input, int tokens, Memory<float> output, Compute compute)
    {
        if (tokens == 1)
            Apply(input.Span[..size], output.Span[..size], compute.Path);
        else
            compute.Each(tokens, size, token => Apply(input.Span.Slice(token * size, size), output.Span.Slice(token * size, size), compute.Path));
    }

    /// <summary>Norms one row.</summary>
    public void Apply(ReadOnlySpan<float> input, Span<float> output, KernelPath path)
    {
        if (isCentred)
            NormKernels.LayerNorm(path, input, weights, bias, epsilon, output);
        else
            ElementKernels.RmsNorm(path, input, weights, epsilon, output);
    }
}
