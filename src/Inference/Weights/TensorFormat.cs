using System.Buffers.Binary;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using LlmService.Inference.Kernels;
using LlmService.Inference.Weights.Gguf;

namespace LlmService.Inference.Weights;

/// <summary>How a tensor's numbers are stored.</summary>
internal enum TensorType
{
    F64,
    F32,
    F16,
    Bf16,

    /// <summary>Eight bits: sign, 4 bits of exponent, 3 of mantissa; no infinities (OCP "FP8 E4M3", <c>float8_e4m3fn</c>).</summary>
    F8E4M3,
    I8,
    U8,

    /// <summary>Integers of buffers, such as positions: listed by name, never read as weights.</summary>
    I16,
    I32,
    I64,

    /// <summary>A byte for each truth, of buffers such as masks.</summary>
    Bool,

    /// <summary>Blocks of 32 unsigned nibbles, the even one low; the last block of a row is padded (com.microsoft <c>MatMulNBits</c>).</summary>
    U4,

    /// <summary>GGUF: blocks of 32, f16 scale, signed bytes.</summary>
    Q8Block,

    /// <summary>GGUF Q4_0: blocks of 32, f16 scale, nibbles less 8; the low nibbles are the first 16.</summary>
    Q4Block,

    /// <summary>GGUF Q4_1: blocks of 32, f16 scale, f16 minimum, nibbles.</summary>
    Q4MinimumBlock,

    /// <summary>GGUF Q5_0: blocks of 32, f16 scale, 32 fifth bits, nibbles; less 16.</summary>
    Q5Block,

    /// <summary>GGUF Q5_1: blocks of 32, f16 scale, f16 minimum, 32 fifth bits, nibbles.</summary>
    Q5MinimumBlock,

    /// <summary>GGUF Q6_K: superblocks of 256, which rows are whole multiples of.</summary>
    Q6SuperBlock,
}

/// <summary>Sizes of stored numbers, and how they become floats. Every decoding is exact but that of <see cref="TensorType.F64"/>, which rounds to nearest.</summary>
internal static class TensorFormat
{
    /// <summary>Numbers of a block of the types that have blocks.</summary>
    public const int BlockSize = 32;

    /// <summary>Whether numbers are stored in blocks along a row.</summary>
    public static bool IsBlocked(TensorType type) => type >= TensorType.U4;

    /// <summary>Whether the numbers mean nothing without a scale of their own: weights are never stored so.</summary>
    public static bool NeedsScale(TensorType type) =>
        type is TensorType.F8E4M3 or TensorType.I8 or TensorType.U8 or TensorType.I16 or TensorType.I32 or TensorType.I64 or TensorType.Bool;

    /// <summary>Bytes of one row of so many numbers.</summary>
    public static long RowBytes(TensorType type, long columns) => type switch
    {
        TensorType.F64 or TensorType.I64 => checked(columns * 8),
        TensorType.F32 or TensorType.I32 => checked(columns * 4),
        TensorType.F16 or TensorType.Bf16 or TensorType.I16 => checked(columns * 2),
        TensorType.F8E4M3 or TensorType.I8 or TensorType.U8 or TensorType.Bool => columns,
        TensorType.Q6SuperBlock => checked(columns / SuperBlocks.Size * SuperBlocks.Bytes),
        _ => checked((columns + BlockSize - 1) / BlockSize * BlockBytes(type)),
    };

    /// <summary>The name of a type, as users know it.</summary>
    public static string NameOf(TensorType type) => type switch
    {
        TensorType.F64 => "f64",
        TensorType.F32 => "f32",
        TensorType.F16 => "f16",
        TensorType.Bf16 => "bf16",
        TensorType.F8E4M3 => "f8_e4m3",
        TensorType.I8 => "int8",
        TensorType.U8 => "uint8",
        TensorType.I16 => "int16",
        TensorType.I32 => "int32",
        TensorType.I64 => "int64",
        TensorType.Bool => "bool",
        TensorType.U4 => "int4",
        TensorType.Q8Block => "q8_0",
        TensorType.Q4Block => "q4_0",
        TensorType.Q4MinimumBlock => "q4_1",
        TensorType.Q5Block => "q5_0",
        TensorType.Q5MinimumBlock => "q5_1",
        TensorType.Q6SuperBlock => "q6_k",
        _ => throw new InvalidOperationException($"unknown tensor type {type}"),
    };

    /// <summary>Turns stored numbers into floats; what lies outside of the bytes (scales, zero points) is not applied.</summary>
    /// <param name="type">How they are stored.</param>
    /// <param name="bytes">One row of a blocked type, any number of whole rows of the others.</param>
    /// <param name="destination">Receives them.</param>
    public static void Decode(TensorType type, ReadOnlySpan<byte> bytes, Span<float> destination)
    {
        switch (type)
        {
            case TensorType.F64:
                TensorPrimitives.ConvertTruncating(MemoryMarshal.Cast<byte, double>(bytes), destination);
                break;
            case TensorType.F32:
                MemoryMarshal.Cast<byte, float>(bytes).CopyTo(destination);
                break;
            case TensorType.F16:
                TensorPrimitives.ConvertToSingle(MemoryMarshal.Cast<byte, Half>(bytes), destination);
                break;
            case TensorType.Bf16:
                MatrixKernels.WidenBfloat16(MemoryMarshal.Cast<byte, ushort>(bytes), destination);
                break;
            case TensorType.F8E4M3:
                for (int i = 0; i < destination.Length; i++)
                    destination[i] = Float8.Values[bytes[i]];
                break;
            case TensorType.I8:
                MatrixKernels.WidenBytes(bytes, destination, isSigned: true);
                break;
            case TensorType.U8:
                MatrixKernels.WidenBytes(bytes, destination, isSigned: false);
                break;
            case TensorType.Q6SuperBlock:
                SuperBlocks.Decode(bytes, destination);
                break;
            default:
                DecodeBlocks(type, bytes, destination);
                break;
        }
    }

    private static int BlockBytes(TensorType type) => type switch
    {
        TensorType.U4 => 16,
        TensorType.Q8Block => 34,
        TensorType.Q4Block => 18,
        TensorType.Q4MinimumBlock => 20,
        TensorType.Q5Block => 22,
        TensorType.Q5MinimumBlock => 24,
        _ => throw new InvalidOperationException($"{type} has no blocks"),
    };

    private static void DecodeBlocks(TensorType type, ReadOnlySpan<byte> bytes, Span<float> destination)
    {
        int size = BlockBytes(type);
        Span<float> block = stackalloc float[BlockSize];
        for (int start = 0; start < destination.Length; start += BlockSize, bytes = bytes[size..])
        {
            DecodeBlock(type, bytes[..size], block);
            block[..Math.Min(BlockSize, destination.Length - start)].CopyTo(destination[start..]);
        }
    }

    private static void DecodeBlock(TensorType type, ReadOnlySpan<byte> bytes, Span<float> values)
    {
        switch (type)
        {
            case TensorType.U4:
                for (int i = 0; i < BlockSize; i++)
                    values[i] = (bytes[i / 2] >> (i % 2 * 4)) & 15;
                break;
            case TensorType.Q8Block:
                float scale = ReadHalf(bytes);
                for (int i = 0; i < BlockSize; i++)
                    values[i] = scale * (sbyte)bytes[2 + i];
                break;
            case TensorType.Q4Block:
                Nibbles(bytes[2..], 0, ReadHalf(bytes), -8, 0, values);
                break;
            case TensorType.Q4MinimumBlock:
                Nibbles(bytes[4..], 0, ReadHalf(bytes), 0, ReadHalf(bytes[2..]), values);
                break;
            case TensorType.Q5Block:
                Nibbles(bytes[6..], BinaryPrimitives.ReadUInt32LittleEndian(bytes[2..]), ReadHalf(bytes), -16, 0, values);
                break;
            case TensorType.Q5MinimumBlock:
                Nibbles(bytes[8..], BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]), ReadHalf(bytes), 0, ReadHalf(bytes[2..]), values);
                break;
            default:
                throw new InvalidOperationException($"{type} has no blocks");
        }
    }

    private static void Nibbles(ReadOnlySpan<byte> nibbles, uint fifthBits, float scale, int shift, float minimum, Span<float> values)
    {
        const int half = BlockSize / 2;
        for (int i = 0; i < half; i++)
        {
            int low = (nibbles[i] & 15) | (int)((fifthBits >> i) & 1) << 4;
            int high = (nibbles[i] >> 4) | (int)((fifthBits >> (i + half)) & 1) << 4;
            values[i] = scale * (low + shift) + minimum;
            values[i + half] = scale * (high + shift) + minimum;
        }
    }

    private static float ReadHalf(ReadOnlySpan<byte> bytes) => (float)BinaryPrimitives.ReadHalfLittleEndian(bytes);
}

/// <summary>The 256 values of FP8 E4M3 (Micikevicius et al. 2022, "FP8 formats for deep learning").</summary>
internal static class Float8
{
    public static readonly float[] Values = [.. Enumerable.Range(0, 256).Select(Decode)];

    private static float Decode(int bits)
    {
        int exponent = (bits >> 3) & 15, mantissa = bits & 7;
        double magnitude = exponent == 15 && mantissa == 7 ? double.NaN
            : exponent == 0 ? mantissa * Math.Pow(2, -9)
            : (8 + mantissa) * Math.Pow(2, exponent - 10);
        return (float)((bits & 128) == 0 ? magnitude : -magnitude);
    }
}
