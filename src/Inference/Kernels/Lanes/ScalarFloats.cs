using System.Runtime.CompilerServices;

namespace LlmService.Inference.Kernels;

/// <summary>One float at a time: the twin of the vectors, in plain arithmetic.</summary>
internal readonly struct ScalarFloats : IFloatLanes<float>
{
    public static int Count => 1;

    public static float Create(float value) => value;

    public static float Load(ref float source, nint index) => Unsafe.Add(ref source, index);

    public static float LoadUpper(ref uint source, nint index) => BitConverter.UInt32BitsToSingle(Unsafe.Add(ref source, index) & 0xFFFF0000);

    public static float LoadLower(ref uint source, nint index) => BitConverter.UInt32BitsToSingle(Unsafe.Add(ref source, index) << 16);

    public static void Store(float values, ref float destination, nint index) => Unsafe.Add(ref destination, index) = values;

    public static float Add(float a, float b) => a + b;

    public static float Subtract(float a, float b) => a - b;

    public static float Multiply(float a, float b) => a * b;

    public static float Divide(float a, float b) => a / b;

    public static float MultiplyAdd(float a, float b, float sum) => MathF.FusedMultiplyAdd(a, b, sum);

    public static float Negate(float values) => -values;

    public static float Abs(float values) => MathF.Abs(values);

    public static float MinOfNumbers(float a, float b) => MathF.Min(a, b);

    public static float MaxOfNumbers(float a, float b) => MathF.Max(a, b);

    public static float AtLeast(float values, float lowest) => values < lowest ? lowest : values;

    public static float AtMost(float values, float highest) => values > highest ? highest : values;

    public static float Round(float values) => MathF.Round(values);

    public static float CopySign(float magnitudes, float signs) => MathF.CopySign(magnitudes, signs);

    public static float ScaleBinary(float values, float exponents) => values * BitConverter.Int32BitsToSingle(((int)exponents + 127) << 23);

    public static float SelectLess(float a, float b, float yes, float no) => a < b ? yes : no;

    public static float HighestNumber(float values) => values;

    public static float MaxOfMagnitudes(float a, float b) => float.IsNaN(b) || b > a ? b : a;

    public static float HighestMagnitude(float values) => values;

    public static float Sum(float values) => values;

    public static void StoreBytes(float values, ref sbyte destination, nint index) => Unsafe.Add(ref destination, index) = (sbyte)(int)values;

    public static float RoundToBfloat16(float values)
    {
        uint bits = BitConverter.SingleToUInt32Bits(values);
        return BitConverter.UInt32BitsToSingle((float.IsNaN(values) ? bits | 0x400000 : bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000);
    }

    public static float RoundUpToBfloat16(float values) => BitConverter.UInt32BitsToSingle((BitConverter.SingleToUInt32Bits(values) + 0xFFFF) & 0xFFFF0000);

    public static void StoreHalves(float upper, float lower, ref uint destination, nint index) =>
        Unsafe.Add(ref destination, index) = BitConverter.SingleToUInt32Bits(upper) | (BitConverter.SingleToUInt32Bits(lower) >> 16);

    public static void StoreNeighbours(float first, float second, ref uint destination, nint index) => StoreHalves(first, second, ref destination, index);

    public static void StoreBfloat16(float values, ref byte destination) => Unsafe.WriteUnaligned(ref destination, (ushort)(BitConverter.SingleToUInt32Bits(values) >> 16));

    public static void StoreBytes(float first, float second, float third, float fourth, ref byte destination) =>
        Unsafe.WriteUnaligned(ref destination, (int)first | ((int)second << 8) | ((int)third << 16) | ((int)fourth << 24));
}
