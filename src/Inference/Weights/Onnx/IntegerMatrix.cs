using LlmService.Inference.Kernels;

namespace LlmService.Inference.Weights.Onnx;

/// <summary>
/// Weights of 8 bits that are multiplied as ONNX defines it: <c>DynamicQuantizeLinear</c> of all the input, <c>MatMulInteger</c>, a multiplication by both scales.
/// It is here to be exact, not to be fast.
/// </summary>
internal sealed class IntegerMatrix : WeightMatrix
{
    private readonly IReadOnlyList<StoredTensor> _tensors;

    /// <summary>Makes it of tensors that lie one below the other.</summary>
    public IntegerMatrix(IReadOnlyList<StoredTensor> tensors)
    {
        _tensors = tensors;
        Columns = tensors[0].Columns;
        if (tensors.Any(tensor => tensor.Columns != Columns || tensor.Scaling is null))
            throw new ArgumentException("Matrices with scales and one number of columns were expected.", nameof(tensors));
        Rows = checked((int)tensors.Sum(tensor => tensor.Shape[0]));
    }

    public override int Rows { get; }

    public override int Columns { get; }

    public override void ReadRow(int row, Span<float> destination)
    {
        (StoredTensor tensor, int within) = Find(row);
        tensor.ReadRows(within, 1, destination);
    }

    public override void Multiply(Memory<float> input, int tokens, Memory<float> output, Compute compute) =>
        Multiply(input, tokens, output, compute, input[..(tokens * Columns)]);

    /// <summary>output = input · weightsᵀ.</summary>
    /// <param name="input">Activations, [tokens, Columns].</param>
    /// <param name="tokens">How many.</param>
    /// <param name="output">Receives [tokens, Rows].</param>
    /// <param name="compute">Threads.</param>
    /// <param name="whole">What is quantised together; the input is among it.</param>
    public void Multiply(Memory<float> input, int tokens, Memory<float> output, Compute compute, ReadOnlyMemory<float> whole)
    {
        InputQuantization quantization = InputQuantization.Of(whole.Span);
        int[] quantized = new int[tokens * Columns];
        quantization.Apply(input.Span[..quantized.Length], quantized);
        compute.Split((long)tokens * Rows * Columns, Rows, (first, end) =>
        {
            float[] stored = new float[Columns];
            int[] weights = new int[Columns];
            for (int row = first; row < end; row++)
                MultiplyRow(row, quantization.Scale, quantized, stored, weights, output.Span);
        });
    }

    private void MultiplyRow(int row, float inputScale, int[] input, float[] stored, int[] weights, Span<float> output)
    {
        (StoredTensor tensor, int within) = Find(row);
        tensor.ReadStored(within, 1, stored);
        (float scale, float zero) = tensor.Scaling!.OfRow(within);
        for (int i = 0; i < weights.Length; i++)
            weights[i] = (int)stored[i] - (int)zero;
        for (int token = 0; token * Columns < input.Length; token++)
        {
            ReadOnlySpan<int> activations = input.AsSpan(token * Columns, Columns);
            int sum = 0;
            for (int i = 0; i < weights.Length; i++)
                sum += activations[i] * weights[i];
            output[token * Rows + row] = sum * (inputScale * scale);
        }
    }

    private (StoredTensor Tensor, int Row) Find(int row)
    {
        foreach (StoredTensor tensor in _tensors)
        {
            if (row < tensor.Shape[0])
                return (tensor, row);
            row -= (int)tensor.Shape[0];
        }
        throw new ArgumentOutOfRangeException(nameof(row));
    }
}

/// <summary>ONNX's <c>DynamicQuantizeLinear</c>: 8 unsigned bits over the range of all activations and zero.</summary>
internal readonly record struct InputQuantization(float Scale, float ZeroPoint)
{
    private const float Highest = 255;

    public static InputQuantization Of(ReadOnlySpan<float> activations)
    {
        float lowest = 0, highest = 0;
        foreach (float value in activations)
        {
            lowest = MathF.Min(lowest, value);
            highest = MathF.Max(highest, value);
        }
        float scale = highest == lowest ? 1 : (highest - lowest) / Highest;
        return new(scale, MathF.Round(Math.Clamp(-lowest / scale, 0, Highest), MidpointRounding.ToEven));
    }

    /// <summary>Quantises, and takes the zero point off again.</summary>
    public void Apply(ReadOnlySpan<float> activations, Span<int> quantized)
    {
        for (int i = 0; i < activations.Length; i++)
            quantized[i] = (int)MathF.Round(Math.Clamp(activations[i] / Scale, -ZeroPoint, Highest - ZeroPoint), MidpointRounding.ToEven);
    }
}
