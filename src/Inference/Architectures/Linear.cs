using LlmService.Inference.Kernels;
using LlmService.Inference.Weights;

namespace LlmService.Inference.Architectures;

/// <summary>A projection: weights, and a bias where the architecture has one.</summary>
internal sealed class Linear(WeightMatrix weights, float[]? bias)
{
    public int Outputs => weights.Rows;

    /// <summary>output = input · weightsᵀ + bias.</summary>
    /// <param name="input">[tokens, inputs].</param>
    /// <param name="tokens">How many.</param>
    /// <param name="output">Receives [tokens, outputs].</param>
    /// <param name="compute">Kernels and threads.</param>
    public void Apply(Memory<float> input, int tokens, Memory<float> output, Compute compute)
    {
        weights.Multiply(input, tokens, output, compute);
        if (bias is null)
            return;
        Span<float> rows = output.Span;
        for (int token = 0; token < tokens; token++)
            ElementKernels.Add(rows.Slice(token * Outputs, Outputs), bias);
    }
}
