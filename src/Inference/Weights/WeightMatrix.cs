using System.Buffers;
using LlmService.Inference.Kernels;

namespace LlmService.Inference.Weights;

/// <summary>A matrix of weights, [Rows, Columns], in whatever format it is held.</summary>
internal abstract class WeightMatrix
{
    public abstract int Rows { get; }

    public abstract int Columns { get; }

    /// <summary>Reads one row as floats, such as a token's embedding.</summary>
    /// <param name="row">0 … Rows - 1.</param>
    /// <param name="destination">Receives [Columns].</param>
    public abstract void ReadRow(int row, Span<float> destination);

    /// <summary>output = input · weightsᵀ.</summary>
    /// <param name="input">Activations, [tokens, Columns].</param>
    /// <param name="tokens">How many.</param>
    /// <param name="output">Receives [tokens, Rows].</param>
    /// <param name="compute">Kernels and threads. The sum of each output runs over the columns in one fixed order, whatever the number of tokens and threads.</param>
    public abstract void Multiply(Memory<float> input, int tokens, Memory<float> output, Compute compute);
}

/// <summary>A matrix as it is stored, computed in f32.</summary>
internal sealed class StoredMatrix : WeightMatrix
{
    private readonly StoredTensor _tensor;

    public StoredMatrix(StoredTensor tensor)
    {
        if (tensor.Shape.Count != 2)
            throw new ArgumentException($"The tensor '{tensor.Name}' is no matrix.", nameof(tensor));
        _tensor = tensor;
        Rows = checked((int)tensor.Shape[0]);
        Columns = checked((int)tensor.Shape[1]);
        // A panel is one span of bytes, and is widened into one array.
        if ((long)MatrixKernels.PanelRows * Columns * sizeof(float) > Array.MaxLength)
            throw new ArgumentException($"The rows of the tensor '{tensor.Name}' are too long.", nameof(tensor));
    }

    public override int Rows { get; }

    public override int Columns { get; }

    public override void ReadRow(int row, Span<float> destination) => Panel(row, 1, destination).CopyTo(destination);

    public override void Multiply(Memory<float> input, int tokens, Memory<float> output, Compute compute)
    {
        const int panelRows = MatrixKernels.PanelRows;
        int panels = (Rows + panelRows - 1) / panelRows;
        long work = (long)tokens * Rows * Columns;
        int parts = compute.Parts(work, panels);
        compute.Run(parts, part =>
        {
            int first = (int)((long)panels * part / parts), last = (int)((long)panels * (part + 1) / parts);
            float[]? scratch = _tensor.TryGetFloats(0, 0, out _) ? null : ArrayPool<float>.Shared.Rent(panelRows * Columns);
            for (int panel = first; panel < last; panel++)
            {
                int row = panel * panelRows;
                int rows = Math.Min(panelRows, Rows - row);
                ReadOnlySpan<float> weights = Panel(row, rows, scratch);
                MatrixKernels.MultiplyPanel(compute.Path, weights, rows, Columns, input.Span, tokens, output.Span, Rows, row);
            }
            if (scratch is not null)
                ArrayPool<float>.Shared.Return(scratch);
        });
    }

    /// <summary>A run of rows as floats: straight from the file where it stores floats, else decoded into the scratch.</summary>
    private ReadOnlySpan<float> Panel(int row, int count, Span<float> scratch)
    {
        if (_tensor.TryGetFloats(row, count, out ReadOnlySpan<float> rows))
            return rows;
        _tensor.ReadRows(row, count, scratch);
        return scratch[..(count * Columns)];
    }
}
