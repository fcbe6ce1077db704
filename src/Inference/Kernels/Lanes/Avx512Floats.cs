using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace LlmService.Inference.Kernels;

/// <summary>Sixteen floats.</summary>
internal readonly struct Avx512Floats : IFloatLanes<Vector512<float>>
{
    public static int Count => 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Create(float value) => Vector512.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(ref float source, nint index) => Vector512.LoadUnsafe(ref source, (nuint)index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> LoadUpper(ref uint source, nint index) => (Vector512.LoadUnsafe(ref source, (nuint)index) & Vector512.Create(0xFFFF0000u)).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> LoadLower(ref uint source, nint index) => (Vector512.LoadUnsafe(ref source, (nuint)index) << 16).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector512<float> values, ref float destination, nint index) => values.StoreUnsafe(ref destination, (nuint)index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Add(Vector512<float> a, Vector512<float> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Subtract(Vector512<float> a, Vector512<float> b) => a - b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Multiply(Vector512<float> a, Vector512<float> b) => a * b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Multiply(Vector512<float> values, float factor) => values * factor;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Divide(Vector512<float> a, Vector512<float> b) => a / b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> MultiplyAdd(Vector512<float> a, Vector512<float> b, Vector512<float> sum) => Avx512F.FusedMultiplyAdd(a, b, sum);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> MultiplyAdd(Vector512<float> values, float factor, Vector512<float> sum) => Avx512F.FusedMultiplyAdd(values, Vector512.Create(factor), sum);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Negate(Vector512<float> values) => -values;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Abs(Vector512<float> values) => Vector512.Abs(values);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> MinOfNumbers(Vector512<float> a, Vector512<float> b) => Vector512.MinNative(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> MaxOfNumbers(Vector512<float> a, Vector512<float> b) => Vector512.MaxNative(a, b);

    // The instruction gives the second one where one of them is not a number, or both are zero.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> AtLeast(Vector512<float> values, float lowest) => Vector512.MaxNative(Vector512.Create(lowest), values);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> AtMost(Vector512<float> values, float highest) => Vector512.MinNative(Vector512.Create(highest), values);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Round(Vector512<float> values) => Vector512.Round(values);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> CopySign(Vector512<float> magnitudes, Vector512<float> signs) => Vector512.CopySign(magnitudes, signs);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> ScaleBinary(Vector512<float> values, Vector512<float> exponents) => Avx512F.Scale(values, exponents);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> SelectLess(Vector512<float> a, Vector512<float> b, Vector512<float> yes, Vector512<float> no) => Vector512.ConditionalSelect(Vector512.LessThan(a, b), yes, no);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float HighestNumber(Vector512<float> values) => Avx2Floats.HighestNumber(Vector256.MaxNative(values.GetLower(), values.GetUpper()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> MaxOfMagnitudes(Vector512<float> a, Vector512<float> b) => Vector512.Max(a.AsInt32(), b.AsInt32()).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float HighestMagnitude(Vector512<float> values) => Avx2Floats.HighestMagnitude(Vector256.Max(values.GetLower().AsInt32(), values.GetUpper().AsInt32()).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Vector512<float> values) => Avx2Floats.Sum(values.GetLower() + values.GetUpper());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreBytes(Vector512<float> values, ref sbyte destination, nint index) =>
        Avx512F.ConvertToVector128SByte(Vector512.ConvertToInt32Native(values)).StoreUnsafe(ref destination, (nuint)index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> RoundToBfloat16(Vector512<float> values)
    {
        Vector512<uint> bits = values.AsUInt32();
        Vector512<uint> rounded = bits + Vector512.Create(0x7FFFu) + ((bits >>> 16) & Vector512<uint>.One);
        return (Vector512.ConditionalSelect(Vector512.Equals(values, values).AsUInt32(), rounded, bits | Vector512.Create(0x400000u)) & Vector512.Create(0xFFFF0000u)).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> RoundUpToBfloat16(Vector512<float> values) => ((values.AsUInt32() + Vector512.Create(0xFFFFu)) & Vector512.Create(0xFFFF0000u)).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreHalves(Vector512<float> upper, Vector512<float> lower, ref uint destination, nint index) =>
        (upper.AsUInt32() | (lower.AsUInt32() >>> 16)).StoreUnsafe(ref destination, (nuint)index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreNeighbours(Vector512<float> first, Vector512<float> second, ref uint destination, nint index)
    {
        Avx512F.ConvertToVector256UInt32(Joined(first)).StoreUnsafe(ref destination, (nuint)index);
        Avx512F.ConvertToVector256UInt32(Joined(second)).StoreUnsafe(ref destination, (nuint)index + 8);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreBfloat16(Vector512<float> values, ref byte destination) => StoreShorts(values.AsInt32() >>> 16, ref destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreBytes(Vector512<float> first, Vector512<float> second, Vector512<float> third, Vector512<float> fourth, ref byte destination) =>
        (Vector512.ConvertToInt32Native(first) | (Vector512.ConvertToInt32Native(second) << 8) | (Vector512.ConvertToInt32Native(third) << 16) | (Vector512.ConvertToInt32Native(fourth) << 24)).AsByte().StoreUnsafe(ref destination);

    // The lower half of each.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreShorts(Vector512<int> values, ref byte destination) => Avx512F.ConvertToVector256Int16(values).AsByte().StoreUnsafe(ref destination);

    // The second of each two behind the first, in the lower half.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> Joined(Vector512<float> values) => values.AsUInt64() | (values.AsUInt64() >>> 48);
}
