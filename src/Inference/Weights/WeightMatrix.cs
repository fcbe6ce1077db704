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

/// <summary>The shape of a matrix whose weights are not there.</summary>
internal sealed class OutlineMatrix(int rows, int columns) : WeightMatrix
{
    public override int Rows => rows;

    public override int Columns => columns;

    public override void ReadRow(int row, Span<float> destination) => throw new InvalidOperationException("An outline has no weights.");

    public override void Multiply(Memory<float> input, int tokens, Memory<float> output, Compute compute) =>
        throw new InvalidOperationException("An outline has no weights.");
}

/// <summary>A matrix as it is stored, computed in f32; several that are multiplied by the same input may lie one below the other.</summary>
internal sealed class StoredMatrix : WeightMatrix
{
    // A table of which rows are read one by one, as embeddings are, comes to lie in memory whole over time, beside the head that was packed from it.
    private const long LargeTableBytes = 16 << 20;

    private readonly Panel[] _panels;
    private readonly bool _isDecoded;

    public StoredMatrix(params IReadOnlyList<StoredTensor> tensors)
    {
        Columns = tensors[0].Columns;
        List<Panel> panels = [];
        foreach (StoredTensor tensor in tensors)
        {
            if (tensor.Shape.Count != 2 || tensor.Columns != Columns)
                throw new ArgumentException($"The tensor '{tensor.Name}' is no matrix of {Columns} columns.", nameof(tensors));
            // A panel is one span of bytes, and is decoded into one array.
            if ((long)MatrixKernels.PanelRows * Columns * sizeof(float) > Array.MaxLength)
                throw new ArgumentException($"The rows of the tensor '{tensor.Name}' are too long.", nameof(tensors));
            int rows = checked((int)tensor.Shape[0]);
            for (int row = 0; row < rows; row += MatrixKernels.PanelRows)
                panels.Add(new Panel(tensor, row, Math.Min(MatrixKernels.PanelRows, rows - row), Rows + row));
            Rows = checked(Rows + rows);
        }
        _panels = [.. panels];
        _isDecoded = tensors.Any(tensor => !tensor.TryGetFloats(0, 0, out _));
    }

    public override int Rows { get; }

    public override int Columns { get; }

    public override void ReadRow(int row, Span<float> destination)
    {
        // Tables are single tensors, whose panels are all full but the last.
        Panel panel = _panels[row / MatrixKernels.PanelRows];
        if (panel.Output != row / MatrixKernels.PanelRows * MatrixKernels.PanelRows)
            throw new InvalidOperationException("Rows are read of single tensors only.");
        if (panel.Tensor.ByteCount >= LargeTableBytes)
            panel.Tensor.CopyRow(row, destination);
        else
            panel.Tensor.ReadRows(row, 1, destination);
    }

    public override void Multiply(Memory<float> input, int tokens, Memory<float> output, Compute compute)
    {
        compute.Split((long)tokens * Rows * Columns, _panels.Length, (first, end) =>
        {
            float[]? scratch = _isDecoded ? ArrayPool<float>.Shared.Rent(MatrixKernels.PanelRows * Columns) : null;
            foreach (Panel panel in _panels.AsSpan(first..end))
                MatrixKernels.MultiplyPanel(compute.Path, panel.Read(scratch), panel.Rows, Columns, input.Span, tokens, output.Span, Rows, panel.Output);
            if (scratch is not null)
                ArrayPool<float>.Shared.Return(scratch);
        });
    }

    /// <summary>Rows that are multiplied together.</summary>
    /// <param name="Tensor">Where they are.</param>
    /// <param name="Row">The first of them.</param>
    /// <param name="Rows">How many.</param>
    /// <param name="Output">The output of the first.</param>
    private readonly record struct Panel(StoredTensor Tensor, int Row, int Rows, int Output)
    {
        /// <summary>The rows as floats: straight from the file where it stores floats, else decoded into the scratch.</summary>
        public ReadOnlySpan<float> Read(Span<float> scratch)
        {
            if (Tensor.TryGetFloats(Row, Rows, out ReadOnlySpan<float> rows))
                return rows;
            Tensor.ReadRows(Row, Rows, scratch);
            return scratch[..(Rows * Tensor.Columns)];
        }
    }
}
