using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace LlmService.Inference.Weights.Onnx;

/// <summary>Makes tensors of constants: matrices as [outputs, inputs], in the type that they are stored in, with their own scales.</summary>
/// <param name="graph">The graph's file, for messages.</param>
internal sealed class WeightBuilder(string graph)
{
    private readonly Dictionary<OnnxTensor, RearrangedBytes> _turned = new(ReferenceEqualityComparer.Instance);
    private readonly HashSet<OnnxTensor> _used = new(ReferenceEqualityComparer.Instance);

    /// <summary>Whether a constant became a part of a tensor.</summary>
    public bool IsUsed(OnnxTensor tensor) => _used.Contains(tensor);

    /// <summary>A matrix of floats or bytes.</summary>
    /// <param name="name">What it is.</param>
    /// <param name="tensor">The constant.</param>
    /// <param name="outputsFirst">Whether it is stored as [outputs, inputs] already.</param>
    /// <param name="node">Who uses it, for messages.</param>
    public StoredTensor Matrix(string name, OnnxTensor tensor, bool outputsFirst, OnnxNode node)
    {
        TensorType type = TypeOf(tensor, node);
        if (tensor.Shape.Count != 2 || tensor.Count == 0)
            throw Unknown(node, $"uses {tensor.Text}, which is no matrix");
        _used.Add(tensor);
        if (outputsFirst)
            return new(tensor.Bytes!, name, type, tensor.Shape, tensor.Offset, tensor.ByteCount);
        return new(Turned(tensor, node), name, type, [tensor.Shape[1], tensor.Shape[0]], 0, tensor.ByteCount);
    }

    /// <summary>A vector of floats, such as a norm or a bias.</summary>
    public StoredTensor Vector(string name, OnnxTensor tensor, OnnxNode node)
    {
        TensorType type = TypeOf(tensor, node);
        if (tensor.Shape.Count != 1 || type is TensorType.I8 or TensorType.U8)
            throw Unknown(node, $"uses {tensor.Text}, which is no vector of floats");
        _used.Add(tensor);
        return new(tensor.Bytes!, name, type, tensor.Shape, tensor.Offset, tensor.ByteCount);
    }

    /// <summary>Rows of packed numbers, each so many bytes long, cut or padded to what a row of our type takes.</summary>
    /// <param name="name">What it is.</param>
    /// <param name="tensor">The constant.</param>
    /// <param name="type">Our type.</param>
    /// <param name="shape">[rows, columns].</param>
    /// <param name="flip">Which bits of each byte to turn over.</param>
    /// <param name="node">Who uses it, for messages.</param>
    public StoredTensor Rows(string name, OnnxTensor tensor, TensorType type, long[] shape, byte flip, OnnxNode node)
    {
        _used.Add(tensor);
        int stored = (int)(tensor.ByteCount / shape[0]), needed = checked((int)TensorFormat.RowBytes(type, shape[1]));
        long length = checked(shape[0] * needed);
        if (stored == needed && flip == 0)
            return new(tensor.Bytes!, name, type, shape, tensor.Offset, length);
        TensorBytes bytes = Rearranged(tensor, length, node, (from, to) => CopyRows(from, stored, to, needed, flip));
        return new(bytes, name, type, shape, 0, length);
    }

    /// <summary>All numbers of a small constant as floats: scales, or zero points of a byte each.</summary>
    public float[] Numbers(OnnxTensor tensor, OnnxNode node)
    {
        _used.Add(tensor);
        return new StoredTensor(tensor.Bytes!, tensor.Name, TypeOf(tensor, node), [tensor.Count], tensor.Offset, tensor.ByteCount).ToArray();
    }

    /// <summary>All bytes of a small constant.</summary>
    public ReadOnlySpan<byte> Bytes(OnnxTensor tensor)
    {
        _used.Add(tensor);
        return tensor.Bytes!.Span(tensor.Offset, checked((int)tensor.ByteCount));
    }

    public InferenceException Unknown(OnnxNode node, string what) =>
        new(InferenceFailure.NoUsableWeights, $"'{graph}': {node.Text} {what}. The graph is not of a known layout.")
        {
            File = graph,
            Remedy = "Choose other weights of the model with --weights.",
        };

    private TensorType TypeOf(OnnxTensor tensor, OnnxNode node) => tensor.Type switch
    {
        OnnxType.Float => TensorType.F32,
        OnnxType.Float16 => TensorType.F16,
        OnnxType.BFloat16 => TensorType.Bf16,
        OnnxType.Int8 => TensorType.I8,
        OnnxType.UInt8 => TensorType.U8,
        _ => throw Unknown(node, $"uses {tensor.Text}, whose type no weights of its kind have"),
    };

    private RearrangedBytes Turned(OnnxTensor tensor, OnnxNode node)
    {
        if (!_turned.TryGetValue(tensor, out RearrangedBytes? turned))
        {
            int rows = checked((int)tensor.Shape[0]), columns = checked((int)tensor.Shape[1]), size = OnnxTensor.Bits(tensor.Type) / 8;
            _turned[tensor] = turned = Rearranged(tensor, tensor.ByteCount, node, (from, to) => Turn(size, from, rows, columns, to));
        }
        return turned;
    }

    private RearrangedBytes Rearranged(OnnxTensor tensor, long length, OnnxNode node, Rearrangement rearrange)
    {
        if (tensor.ByteCount > Array.MaxLength || length > Array.MaxLength)
            throw Unknown(node, $"uses {tensor.Text}, which is too large to be put into another order");
        return new(tensor.Bytes!, tensor.Offset, (int)tensor.ByteCount, (int)length, rearrange);
    }

    private static void CopyRows(ReadOnlySpan<byte> from, int stored, Span<byte> to, int needed, byte flip)
    {
        to.Clear();
        int count = Math.Min(stored, needed);
        for (int row = 0; row < from.Length / stored; row++)
            from.Slice(row * stored, count).CopyTo(to[(row * needed)..]);
        if (flip == 0)
            return;
        foreach (ref byte value in to)
            value ^= flip;
    }

    private static void Turn(int size, ReadOnlySpan<byte> from, int rows, int columns, Span<byte> to)
    {
        if (size == 1)
            Turn(from, rows, columns, to);
        else if (size == 2)
            Turn(MemoryMarshal.Cast<byte, ushort>(from), rows, columns, MemoryMarshal.Cast<byte, ushort>(to));
        else
            Turn(MemoryMarshal.Cast<byte, uint>(from), rows, columns, MemoryMarshal.Cast<byte, uint>(to));
    }

    /// <summary>to[column, row] = from[row, column], in squares that stay in the cache.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Turn<T>(ReadOnlySpan<T> from, int rows, int columns, Span<T> to)
    {
        const int side = 32;
        for (int top = 0; top < rows; top += side)
        {
            int bottom = Math.Min(rows, top + side);
            for (int left = 0; left < columns; left += side)
            {
                int right = Math.Min(columns, left + side);
                for (int column = left; column < right; column++)
                {
                    Span<T> line = to.Slice(column * rows + top, bottom - top);
                    for (int i = 0; i < line.Length; i++)
                        line[i] = from[(top + i) * columns + column];
                }
            }
        }
    }
}
