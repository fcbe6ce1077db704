using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace LlmService.Inference.Kernels;

/// <summary>Eight floats.</summary>
internal readonly struct Avx2Floats : IFloatLanes<Vector256<float>>
{
    public static int Count => 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Create(float value) => Vector256.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Load(ref float source, nint index) => Vector256.LoadUnsafe(ref source, (nuint)index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> LoadUpper(ref uint source, nint index) => (Vector256.LoadUnsafe(ref source, (nuint)index) & Vector256.Create(0xFFFF0000u)).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> LoadLower(ref uint source, nint index) => (Vector256.LoadUnsafe(ref source, (nuint)index) << 16).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector256<float> values, ref float destination, nint index) => values.StoreUnsafe(ref destination, (nuint)index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Add(Vector256<float> a, Vector256<float> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Subtract(Vector256<float> a, Vector256<float> b) => a - b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Multiply(Vector256<float> a, Vector256<float> b) => a * b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Multiply(Vector256<float> values, float factor) => values * factor;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Divide(Vector256<float> a, Vector256<float> b) => a / b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> MultiplyAdd(Vector256<float> a, Vector256<float> b, Vector256<float> sum) => Fma.MultiplyAdd(a, b, sum);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> MultiplyAdd(Vector256<float> values, float factor, Vector256<float> sum) => Fma.MultiplyAdd(values, Vector256.Create(factor), sum);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Negate(Vector256<float> values) => -values;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Abs(Vector256<float> values) => Vector256.Abs(values);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> MinOfNumbers(Vector256<float> a, Vector256<float> b) => Vector256.MinNative(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> MaxOfNumbers(Vector256<float> a, Vector256<float> b) => Vector256.MaxNative(a, b);

    // The instruction gives the second one where one of them is not a number, or both are zero.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> AtLeast(Vector256<float> values, float lowest) => Vector256.MaxNative(Vector256.Create(lowest), values);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> AtMost(Vector256<float> values, float highest) => Vector256.MinNative(Vector256.Create(highest), values);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Round(Vector256<float> values) => Vector256.Round(values);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> CopySign(Vector256<float> magnitudes, Vector256<float> signs) => Vector256.CopySign(magnitudes, signs);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> ScaleBinary(Vector256<float> values, Vector256<float> exponents) => values * ((Vector256.ConvertToInt32Native(exponents) + Vector256.Create(127)) << 23).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> SelectLess(Vector256<float> a, Vector256<float> b, Vector256<float> yes, Vector256<float> no) => Vector256.ConditionalSelect(Vector256.LessThan(a, b), yes, no);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float HighestNumber(Vector256<float> values) => Vector128Floats.HighestNumber(Vector128.MaxNative(values.GetLower(), values.GetUpper()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> MaxOfMagnitudes(Vector256<float> a, Vector256<float> b) => Vector256.Max(a.AsInt32(), b.AsInt32()).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float HighestMagnitude(Vector256<float> values) => Vector128Floats.HighestMagnitude(Vector128.Max(values.GetLower().AsInt32(), values.GetUpper().AsInt32()).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Vector256<float> values) => Vector128Floats.Sum(values.GetLower() + values.GetUpper());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreBytes(Vector256<float> values, ref sbyte destination, nint index)
    {
        Vector256<int> numbers = Vector256.ConvertToInt32Native(values);
        Vector128<short> shorts = Vector128.Narrow(numbers.GetLower(), numbers.GetUpper());
        Unsafe.WriteUnaligned(ref Unsafe.As<sbyte, byte>(ref Unsafe.Add(ref destination, index)), Vector128.Narrow(shorts, shorts).AsInt64()[0]);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> RoundToBfloat16(Vector256<float> values)
    {
        Vector256<uint> bits = values.AsUInt32();
        Vector256<uint> rounded = bits + Vector256.Create(0x7FFFu) + ((bits >>> 16) & Vector256<uint>.One);
        return (Vector256.ConditionalSelect(Vector256.Equals(values, values).AsUInt32(), rounded, bits | Vector256.Create(0x400000u)) & Vector256.Create(0xFFFF0000u)).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> RoundUpToBfloat16(Vector256<float> values) => ((values.AsUInt32() + Vector256.Create(0xFFFFu)) & Vector256.Create(0xFFFF0000u)).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreHalves(Vector256<float> upper, Vector256<float> lower, ref uint destination, nint index) =>
        (upper.AsUInt32() | (lower.AsUInt32() >>> 16)).StoreUnsafe(ref destination, (nuint)index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreNeighbours(Vector256<float> first, Vector256<float> second, ref uint destination, nint index)
    {
        Vector256.Narrow(Joined(first), Joined(second)).StoreUnsafe(ref destination, (nuint)index);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreBfloat16(Vector256<float> values, ref byte destination) => StoreShorts(values.AsInt32() >>> 16, ref destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreBytes(Vector256<float> first, Vector256<float> second, Vector256<float> third, Vector256<float> fourth, ref byte destination) =>
        (Vector256.ConvertToInt32Native(first) | (Vector256.ConvertToInt32Native(second) << 8) | (Vector256.ConvertToInt32Native(third) << 16) | (Vector256.ConvertToInt32Native(fourth) << 24)).AsByte().StoreUnsafe(ref destination);

    // The lower half of each.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreShorts(Vector256<int> values, ref byte destination) =>
        Vector128.Narrow(values.GetLower(), values.GetUpper()).AsByte().StoreUnsafe(ref destination);

    // The second of each two behind the first, in the lower half.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<ulong> Joined(Vector256<float> values) => values.AsUInt64() | (values.AsUInt64() >>> 48);
}
