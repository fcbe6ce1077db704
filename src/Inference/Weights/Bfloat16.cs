using System.Buffers.Binary;
using LlmService.Inference.Kernels;

namespace LlmService.Inference.Weights;

/// <summary>The upper half of a float: its range, with 8 bits of precision.</summary>
internal static class Bfloat16
{
    /// <summary>The nearest one, halves to even, as a float. What is not finite stays so.</summary>
    public static float Round(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return float.IsFinite(value) ? BitConverter.UInt32BitsToSingle((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000) : value;
    }

    /// <summary>The smallest one that is not below a positive number, as a float.</summary>
    public static float RoundUp(float positive) => BitConverter.UInt32BitsToSingle((BitConverter.SingleToUInt32Bits(positive) + 0xFFFF) & 0xFFFF0000);

    /// <summary>The bits of a float that is one.</summary>
    public static ushort BitsOf(float value) => (ushort)(BitConverter.SingleToUInt32Bits(value) >> 16);

    /// <summary>A matrix in bfloat16: the stored one where it is, else a rounded copy.</summary>
    public static StoredTensor Convert(StoredTensor tensor, Compute compute)
    {
        if (tensor is { Type: TensorType.Bf16, Scaling: null, RowOrder: null })
            return tensor;
        int rows = checked((int)tensor.Shape[0]), columns = tensor.Columns;
        int rowBytes = checked(columns * sizeof(ushort));
        AlignedMemory memory = new(tensor.File.Path, (long)rows * rowBytes);
        compute.Split((long)rows * columns, rows, (first, end) =>
        {
            float[] values = new float[columns];
            for (int row = first; row < end; row++)
            {
                tensor.ReadRows(row, 1, values);
                Span<byte> bytes = memory.Writable((long)row * rowBytes, rowBytes);
                for (int i = 0; i < columns; i++)
                    BinaryPrimitives.WriteUInt16LittleEndian(bytes[(i * sizeof(ushort))..], BitsOf(Round(values[i])));
            }
        });
        return tensor with { File = memory, Type = TensorType.Bf16, Offset = 0, ByteCount = memory.Length, Scaling = null, RowOrder = null };
    }
}
