namespace LlmService.Inference.Weights;

/// <summary>Other views of stored tensors: turned, reordered, or one of several that lie in one.</summary>
internal static class TensorViews
{
    private const int TileRows = 16;

    /// <summary>A matrix that is stored along its outputs, [inputs, outputs], as [outputs, inputs]. Its bytes are rearranged when they are first read.</summary>
    public static StoredTensor Transposed(this StoredTensor tensor)
    {
        RequirePlain(tensor, "transposed");
        if (tensor.ByteCount > Array.MaxLength)
            throw new InferenceException(InferenceFailure.NoUsableWeights, $"'{tensor.File.Path}': the tensor '{tensor.Name}' has {tensor.ByteCount} bytes; at most {Array.MaxLength} can be transposed.") { File = tensor.File.Path, Tensor = tensor.Name };
        int rows = checked((int)tensor.Shape[0]), columns = tensor.Columns, size = checked((int)TensorFormat.RowBytes(tensor.Type, 1)), length = checked((int)tensor.ByteCount);
        RearrangedBytes bytes = new(tensor.File, tensor.Offset, length, length, (source, destination) => Transpose(source, destination, rows, columns, size));
        return tensor with { File = bytes, Shape = [columns, rows], Offset = 0 };
    }

    /// <summary>The rows of a matrix, or the numbers of a vector, in another order.</summary>
    /// <param name="tensor">The tensor.</param>
    /// <param name="order">The stored row of each row.</param>
    public static StoredTensor InOrder(this StoredTensor tensor, int[] order)
    {
        if (tensor.Scaling is { RowsPerScale: > 1 })
            RequirePlain(tensor, "reordered");
        Scaling? scaling = tensor.Scaling;
        if (scaling is { RowsPerScale: 1 })
        {
            int perRow = (tensor.Columns + scaling.ColumnsPerScale - 1) / scaling.ColumnsPerScale;
            scaling = scaling with { Scales = Reorder(scaling.Scales, order, perRow), ZeroPoints = scaling.ZeroPoints is null ? null : Reorder(scaling.ZeroPoints, order, perRow) };
        }
        return tensor with { RowOrder = [.. order.Select(row => tensor.RowOrder?[row] ?? row)], Scaling = scaling };
    }

    /// <summary>One of several matrices that lie in one tensor, [count, outputs, inputs].</summary>
    public static StoredTensor Part(this StoredTensor tensor, int index)
    {
        RequirePlain(tensor, "taken apart");
        long bytes = tensor.ByteCount / tensor.Shape[0];
        return tensor with { Name = $"{tensor.Name}[{index}]", Shape = [.. tensor.Shape.Skip(1)], Offset = tensor.Offset + index * bytes, ByteCount = bytes };
    }

    private static float[] Reorder(float[] values, int[] order, int perRow) => [.. order.SelectMany(row => values[(row * perRow)..((row + 1) * perRow)])];

    private static void RequirePlain(StoredTensor tensor, string verb)
    {
        if (tensor.Scaling is null && tensor.RowOrder is null && !TensorFormat.IsBlocked(tensor.Type))
            return;
        throw new InferenceException(InferenceFailure.NoUsableWeights,
            $"'{tensor.File.Path}': the tensor '{tensor.Name}' is stored as {TensorFormat.NameOf(tensor.Type)} with scales, and cannot be {verb} as this architecture needs it.")
        { File = tensor.File.Path, Tensor = tensor.Name, Remedy = "Choose the unquantised version of the model (f32, f16, bf16)." };
    }

    // In strips, so that both sides stay in the cache.
    private static void Transpose(ReadOnlySpan<byte> source, Span<byte> destination, int rows, int columns, int size)
    {
        for (int first = 0; first < rows; first += TileRows)
        {
            int end = Math.Min(rows, first + TileRows);
            for (int column = 0; column < columns; column++)
            {
                for (int row = first; row < end; row++)
                    source.Slice((row * columns + column) * size, size).CopyTo(destination[((column * rows + row) * size)..]);
            }
        }
    }
}
