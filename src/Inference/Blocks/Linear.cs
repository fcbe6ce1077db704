using LlmService.Inference.Kernels;
using LlmService.Inference.Weights;
using LlmService.Inference.Weights.Onnx;

namespace LlmService.Inference.Blocks;

/// <summary>A projection: weights, and a bias where the architecture has one.</summary>
internal sealed class Linear(WeightMatrix weights, float[]? bias)
{
    public int Inputs => weights.Columns;

    public int Outputs => weights.Rows;

    /// <summary>Whether the input is quantised as a whole, so that a token's result depends on its neighbours.</summary>
    public bool QuantizesInput => weights is IntegerMatrix;

    /// <summary>The weights, where they are tiles.</summary>
    public TiledMatrix? Tiles => weights as TiledMatrix;

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
        if (bias is not null)
            AddBias(tokens, output, compute);
    }

    /// <summary>output = input · weightsᵀ + bias, of tiles with activations that are quantised for them.</summary>
    /// <param name="input">The activations.</param>
    /// <param name="tokens">How many.</param>
    /// <param name="output">Receives [tokens, outputs].</param>
    /// <param name="compute">Kernels and threads.</param>
    public void Apply(QuantizedRows input, int tokens, Memory<float> output, Compute compute)
    {
        Tiles!.Multiply(input, tokens, output, compute);
        if (bias is not null)
            AddBias(tokens, output, compute);
    }

    /// <summary>Adds the bias to a token's products with some of the rows.</summary>
    /// <param name="products">The products.</param>
    /// <param name="first">The first row.</param>
    /// <param name="path">Which kernels.</param>
    public void AddBias(Span<float> products, int first, KernelPath path)
    {
        if (bias is not null)
            ElementKernels.Add(path, products, bias.AsSpan(first, products.Length));
    }

    private void AddBias(int tokens, Memory<float> output, Compute compute)
    {
        if (tokens == 1)
            ElementKernels.Add(compute.Path, output.Span[..Outputs], bias);
        else
            compute.Each(tokens, Outputs, token => ElementKernels.Add(compute.Path, output.Span.Slice(token * Outputs, Outputs), bias));
    }
}
