using LlmService.Inference.Kernels;
using LlmService.Inference.Weights;
using LlmService.Inference.Weights.Onnx;

namespace LlmService.Inference.Blocks;

/// <summary>A projection: weights, and a bias where the architecture has one.</summary>
internal sealed class Linear(WeightMatrix weights, float[]? bias)
{
    public int Outputs => weights.Rows;

    /// <summary>Whether the input is quantised as a whole, so that a token's result depends on its neighbours.</summary>
    public bool QuantizesInput => weights is IntegerMatrix;

    /// <summary>output = input · weightsᵀ + bias.</summary>
    /// <param name="input">[tokens, inputs].</param>
    /// <param name="tokens">How many.</param>
    /// <param name="output">Receives [tokens, outputs].</param>
    /// <param name="compute">Kernels and threads.</param>
    /// <param name="whole">The activations among which those of the input are, where they are quantised together; none for the input itself.</param>
    public void Apply(Memory<float> input, int tokens, Memory<float> output, Compute compute, Memory<float> whole = default)
    {
        if (weights is IntegerMatrix integers && whole.Length > 0)
            integers.Multiply(input, tokens, output, compute, whole);
        else
            weights.Multiply(input, tokens, output, compute);
        if (bias is null)
            return;
        Span<float> rows = output.Span;
        for (int token = 0; token < tokens; token++)
            ElementKernels.Add(compute.Path, rows.Slice(token * Outputs, Outputs), bias);
    }
}
