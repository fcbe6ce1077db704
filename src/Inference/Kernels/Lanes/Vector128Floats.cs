using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace LlmService.Inference.Kernels;

/// <summary>Four floats, in operations that every vector machine has.</summary>
internal readonly struct Vector128Floats : IFloatLanes<Vector128<float>>
{
    public static int Count => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Create(float value) => Vector128.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Load(ref float source, nint index) => Vector128.LoadUnsafe(ref source, (nuint)index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> LoadUpper(ref uint source, nint index) => (Vector128.LoadUnsafe(ref source, (nuint)index) & Vector128.Create(0xFFFF0000u)).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> LoadLower(ref uint source, nint index) => (Vector128.LoadUnsafe(ref source, (nuint)index) << 16).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector128<float> values, ref float destination, nint index) => values.StoreUnsafe(ref destination, (nuint)index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Add(Vector128<float> a, Vector128<float> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Subtract(Vector128<float> a, Vector128<float> b) => a - b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Multiply(Vector128<float> a, Vector128<float> b) => a * b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Multiply(Vector128<float> values, float factor) => values * factor;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Divide(Vector128<float> a, Vector128<float> b) => a / b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> MultiplyAdd(Vector128<float> a, Vector128<float> b, Vector128<float> sum) => Vector128.FusedMultiplyAdd(a, b, sum);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> MultiplyAdd(Vector128<float> values, float factor, Vector128<float> sum) => Vector128.FusedMultiplyAdd(values, Vector128.Create(factor), sum);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Negate(Vector128<float> values) => -values;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Abs(Vector128<float> values) => Vector128.Abs(values);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> MinOfNumbers(Vector128<float> a, Vector128<float> b) => Vector128.MinNative(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> MaxOfNumbers(Vector128<float> a, Vector128<float> b) => Vector128.MaxNative(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> AtLeast(Vector128<float> values, float lowest) =>
        Vector128.ConditionalSelect(Vector128.LessThan(values, Vector128.Create(lowest)), Vector128.Create(lowest), values);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> AtMost(Vector128<float> values, float highest) =>
        Vector128.ConditionalSelect(Vector128.GreaterThan(values, Vector128.Create(highest)), Vector128.Create(highest), values);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Round(Vector128<float> values) => Vector128.Round(values);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> CopySign(Vector128<float> magnitudes, Vector128<float> signs) => Vector128.CopySign(magnitudes, signs);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> ScaleBinary(Vector128<float> values, Vector128<float> exponents) => values * ((Vector128.ConvertToInt32Native(exponents) + Vector128.Create(127)) << 23).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> SelectLess(Vector128<float> a, Vector128<float> b, Vector128<float> yes, Vector128<float> no) => Vector128.ConditionalSelect(Vector128.LessThan(a, b), yes, no);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float HighestNumber(Vector128<float> values)
    {
        values = Vector128.MaxNative(values, Vector128.Shuffle(values, Vector128.Create(2, 3, 0, 1)));
        return Vector128.MaxNative(values, Vector128.Shuffle(values, Vector128.Create(1, 0, 3, 2))).ToScalar();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> MaxOfMagnitudes(Vector128<float> a, Vector128<float> b) => Vector128.Max(a.AsInt32(), b.AsInt32()).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float HighestMagnitude(Vector128<float> values)
    {
        Vector128<int> bits = values.AsInt32();
        bits = Vector128.Max(bits, Vector128.Shuffle(bits, Vector128.Create(2, 3, 0, 1)));
        bits = Vector128.Max(bits, Vector128.Shuffle(bits, Vector128.Create(1, 0, 3, 2)));
        return bits.AsSingle().ToScalar();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Vector128<float> values) => Vector128.Sum(values);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreBytes(Vector128<float> values, ref sbyte destination, nint index)
    {
        Vector128<int> numbers = Vector128.ConvertToInt32Native(values);
        Vector128<short> shorts = Vector128.Narrow(numbers, numbers);
        Unsafe.WriteUnaligned(ref Unsafe.As<sbyte, byte>(ref Unsafe.Add(ref destination, index)), Vector128.Narrow(shorts, shorts).AsInt32()[0]);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> RoundToBfloat16(Vector128<float> values)
    {
        Vector128<uint> bits = values.AsUInt32();
        Vector128<uint> rounded = bits + Vector128.Create(0x7FFFu) + ((bits >>> 16) & Vector128<uint>.One);
        return (Vector128.ConditionalSelect(Vector128.Equals(values, values).AsUInt32(), rounded, bits | Vector128.Create(0x400000u)) & Vector128.Create(0xFFFF0000u)).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> RoundUpToBfloat16(Vector128<float> values) => ((values.AsUInt32() + Vector128.Create(0xFFFFu)) & Vector128.Create(0xFFFF0000u)).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreHalves(Vector128<float> upper, Vector128<float> lower, ref uint destination, nint index) =>
        (upper.AsUInt32() | (lower.AsUInt32() >>> 16)).StoreUnsafe(ref destination, (nuint)index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreNeighbours(Vector128<float> first, Vector128<float> second, ref uint destination, nint index)
    {
        Vector128.Narrow(Joined(first), Joined(second)).StoreUnsafe(ref destination, (nuint)index);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreBfloat16(Vector128<float> values, ref byte destination) => StoreShorts(values.AsInt32() >>> 16, ref destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreBytes(Vector128<float> first, Vector128<float> second, Vector128<float> third, Vector128<float> fourth, ref byte destination) =>
        (Vector128.ConvertToInt32Native(first) | (Vector128.ConvertToInt32Native(second) << 8) | (Vector128.ConvertToInt32Native(third) << 16) | (Vector128.ConvertToInt32Native(fourth) << 24)).AsByte().StoreUnsafe(ref destination);

    // The lower half of each.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreShorts(Vector128<int> values, ref byte destination) => Unsafe.WriteUnaligned(ref destination, Vector128.Narrow(values, values).AsInt64()[0]);

    // The second of each two behind the first, in the lower half.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<ulong> Joined(Vector128<float> values) => values.AsUInt64() | (values.AsUInt64() >>> 48);
}
