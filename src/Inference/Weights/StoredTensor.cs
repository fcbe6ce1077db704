using System.Buffers;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;

namespace LlmService.Inference.Weights;

/// <summary>A tensor as it is stored; its bytes were checked to lie inside of the file. Rows are all but the last dimension, so a vector is one row.</summary>
/// <param name="File">Where its bytes are.</param>
/// <param name="Name">Its name, as published checkpoints of the architecture call it.</param>
/// <param name="Type">How its numbers are stored.</param>
/// <param name="Shape">Its dimensions; the last one runs fastest.</param>
/// <param name="Offset">Where it begins in the file.</param>
/// <param name="ByteCount">Its size.</param>
internal sealed record StoredTensor(TensorBytes File, string Name, TensorType Type, IReadOnlyList<long> Shape, long Offset, long ByteCount)
{
    /// <summary>Scales and zero points that are stored beside the numbers; null where there are none.</summary>
    public Scaling? Scaling { get; init; }

    /// <summary>The stored row of each row, where a format stores them in another order; null for the same order.</summary>
    public IReadOnlyList<int>? RowOrder { get; init; }

    /// <summary>Whether ONNX quantises the input of a product with these weights, and multiplies whole numbers.</summary>
    public bool QuantizesInput { get; init; }

    /// <summary>Bytes of the scales and zero points that are held beside the numbers.</summary>
    public long ScalingBytes => Scaling is null ? 0 : sizeof(float) * (long)(Scaling.Scales.Length + (Scaling.ZeroPoints?.Length ?? 0));

    public string ShapeText => $"[{string.Join(", ", Shape)}]";

    public long ElementCount => Shape.Aggregate(1L, (count, dimension) => checked(count * dimension));

    public int Columns => Shape.Count == 0 ? 1 : checked((int)Shape[^1]);

    /// <summary>The tensor of a reader that has checked name and shape: the size follows from them.</summary>
    /// <exception cref="OverflowException">The shape is impossibly large.</exception>
    public static long BytesOf(TensorType type, IReadOnlyList<long> shape)
    {
        long columns = shape.Count == 0 ? 1 : shape[^1];
        return shape.SkipLast(1).Aggregate(TensorFormat.RowBytes(type, columns), (bytes, dimension) => checked(bytes * dimension));
    }

    /// <summary>Rows as floats.</summary>
    /// <param name="first">The first row.</param>
    /// <param name="count">How many.</param>
    /// <param name="destination">Receives [count, Columns].</param>
    public void ReadRows(int first, int count, Span<float> destination)
    {
        ReadStored(first, count, destination);
        Scaling?.Apply(first, count, Columns, destination);
    }

    /// <summary>One row as floats, copied out of the file: nothing around it comes to lie in memory.</summary>
    /// <param name="row">The row.</param>
    /// <param name="destination">Receives [Columns].</param>
    public void CopyRow(int row, Span<float> destination)
    {
        int rowBytes = checked((int)TensorFormat.RowBytes(Type, Columns));
        byte[] rented = ArrayPool<byte>.Shared.Rent(rowBytes);
        try
        {
            Span<byte> stored = rented.AsSpan(0, rowBytes);
            File.Read(Offset + (long)(RowOrder?[row] ?? row) * rowBytes, stored);
            destination = destination[..Columns];
            TensorFormat.Decode(Type, stored, destination);
            Scaling?.Apply(row, 1, Columns, destination);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(rented);
        }
    }

    /// <summary>The stored numbers of rows, without scales and zero points.</summary>
    /// <param name="first">The first row.</param>
    /// <param name="count">How many.</param>
    /// <param name="destination">Receives [count, Columns].</param>
    public void ReadStored(int first, int count, Span<float> destination)
    {
        int columns = Columns;
        int rowBytes = checked((int)TensorFormat.RowBytes(Type, columns));
        destination = destination[..checked(count * columns)];
        if (RowOrder is null && !TensorFormat.IsBlocked(Type))
            TensorFormat.Decode(Type, Rows(first, count, rowBytes), destination);
        else
        {
            for (int i = 0; i < count; i++)
                TensorFormat.Decode(Type, Rows(RowOrder?[first + i] ?? first + i, 1, rowBytes), destination.Slice(i * columns, columns));
        }
    }

    /// <summary>A part of the rows of a matrix, or of the numbers of a vector, as a tensor of its own.</summary>
    public StoredTensor Rows(string name, long first, long count)
    {
        long bytes = ByteCount / Shape[0];
        return this with
        {
            Name = name,
            Shape = [count, .. Shape.Skip(1)],
            Offset = Offset + first * bytes,
            ByteCount = count * bytes,
            Scaling = Scaling?.Rows(checked((int)first), checked((int)count), Columns),
        };
    }

    /// <summary>All numbers of a small tensor, such as a norm or a bias.</summary>
    public float[] ToArray()
    {
        float[] values = new float[checked((int)ElementCount)];
        if (values.Length > 0)
            ReadRows(0, values.Length / Columns, values);
        return values;
    }

    /// <summary>Rows that are stored as floats and can be used where they lie.</summary>
    public bool TryGetFloats(int first, int count, out ReadOnlySpan<float> rows)
    {
        bool isPlain = Type == TensorType.F32 && Scaling is null && RowOrder is null;
        rows = isPlain ? MemoryMarshal.Cast<byte, float>(Rows(first, count, checked(Columns * sizeof(float)))) : default;
        return isPlain;
    }

    private ReadOnlySpan<byte> Rows(int first, int count, int rowBytes) => File.Span(Offset + (long)first * rowBytes, checked(count * rowBytes));
}

/// <summary>Scales and zero points of a quantised tensor: weight = (stored - zero point) scale. One pair serves a rectangle of numbers.</summary>
/// <param name="Scales">[ceil(rows / RowsPerScale), ceil(columns / ColumnsPerScale)].</param>
/// <param name="ZeroPoints">As many as there are scales; null for zero everywhere.</param>
/// <param name="RowsPerScale">Rows that share a scale.</param>
/// <param name="ColumnsPerScale">Columns that share a scale.</param>
internal sealed record Scaling(float[] Scales, float[]? ZeroPoints, int RowsPerScale, int ColumnsPerScale)
{
    /// <summary>The zero point where all are the same.</summary>
    public float ZeroPoint { get; init; }

    /// <summary>Scales with their zero points, which are kept as one where all are the same.</summary>
    /// <param name="scales">The scales.</param>
    /// <param name="zeroPoints">As many zero points, or one for all; null for zero.</param>
    /// <param name="rowsPerScale">Rows that share a scale.</param>
    /// <param name="columnsPerScale">Columns that share a scale.</param>
    public static Scaling Of(float[] scales, float[]? zeroPoints, int rowsPerScale, int columnsPerScale) =>
        zeroPoints is null or [] ? new(scales, null, rowsPerScale, columnsPerScale)
        : zeroPoints.AsSpan().ContainsAnyExcept(zeroPoints[0]) ? new(scales, zeroPoints, rowsPerScale, columnsPerScale)
        : new(scales, null, rowsPerScale, columnsPerScale) { ZeroPoint = zeroPoints[0] };

    /// <summary>Whether two are the same, number by number.</summary>
    public static bool AreEqual(Scaling? a, Scaling? b) => a is null || b is null ? a is null && b is null
        : a.RowsPerScale == b.RowsPerScale && a.ColumnsPerScale == b.ColumnsPerScale && a.ZeroPoint == b.ZeroPoint
            && a.Scales.AsSpan().SequenceEqual(b.Scales) && a.ZeroPoints.AsSpan().SequenceEqual(b.ZeroPoints);

    /// <summary>Those of a part of the rows, where each row has its own or all share one.</summary>
    public Scaling Rows(int first, int count, int columns)
    {
        if (RowsPerScale != 1)
            return this;
        int perRow = (columns + ColumnsPerScale - 1) / ColumnsPerScale;
        Range part = (first * perRow)..((first + count) * perRow);
        return this with { Scales = Scales[part], ZeroPoints = ZeroPoints?[part] };
    }

    /// <summary>The scale and the zero point of a whole row, where rows are not cut into blocks.</summary>
    public (float Scale, float Zero) OfRow(int row) => (Scales[row / RowsPerScale], ZeroPoints?[row / RowsPerScale] ?? ZeroPoint);

    /// <summary>Applies it to rows that have just been decoded, [count, columns].</summary>
    public void Apply(int first, int count, int columns, Span<float> values)
    {
        int perRow = (columns + ColumnsPerScale - 1) / ColumnsPerScale;
        for (int i = 0; i < count; i++)
        {
            int row = (first + i) / RowsPerScale * perRow;
            for (int block = 0; block < perRow; block++)
            {
                int start = block * ColumnsPerScale;
                Span<float> part = values.Slice(i * columns + start, Math.Min(ColumnsPerScale, columns - start));
                float zero = ZeroPoints?[row + block] ?? ZeroPoint;
                if (zero != 0)
                    TensorPrimitives.Subtract(part, zero, part);
                TensorPrimitives.Multiply(part, Scales[row + block], part);
            }
        }
    }
}
