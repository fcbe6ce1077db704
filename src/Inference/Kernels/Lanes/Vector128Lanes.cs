using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace LlmService.Inference.Kernels;

/// <summary>Four rows of a tile at once, in operations that every vector machine has.</summary>
internal readonly struct Vector128Lanes : ILanes<Vector128<short>, Vector128<byte>, Vector128<int>, Vector128<float>>
{
    public static int Rows => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> AddProducts(Vector128<int> sum, Vector128<short> weights, int pair)
    {
        Vector128<int> both = weights.AsInt32();
        return sum + ((both << 16) >> 16) * Vector128.Create((int)(short)pair) + (both >> 16) * Vector128.Create(pair >> 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Create(int value) => Vector128.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> Load(ref byte source) => Vector128.LoadUnsafe(ref source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<short> Even(Vector128<byte> bytes) => bytes.AsInt16() & Vector128.Create((short)255);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<short> Odd(Vector128<byte> bytes) => bytes.AsInt16() >>> 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> LowNibbles(Vector128<byte> packed) => packed & Vector128.Create((byte)15);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> HighNibbles(Vector128<byte> packed) => packed >>> 4;

    // The even bytes of each pair, and the odd ones, as numbers of 16 bits.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<short> Products(Vector128<byte> weights, int four)
    {
        Vector128<short> pairs = weights.AsInt16(), others = Vector128.Create(four).AsInt16();
        return (pairs & Vector128.Create((short)255)) * ((others << 8) >> 8) + (pairs >> 8) * (others >> 8);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<short> Add(Vector128<short> a, Vector128<short> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> AddPairs(Vector128<int> sum, Vector128<short> pairs)
    {
        Vector128<int> both = pairs.AsInt32();
        return sum + ((both << 16) >> 16) + (both >> 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Add(Vector128<int> a, Vector128<int> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> LoadScales(ref byte source) =>
        (Vector128.WidenLower(Vector128.CreateScalarUnsafe(Unsafe.ReadUnaligned<ulong>(ref source)).AsUInt16()) << 16).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> AddScaled(Vector128<float> sum, Vector128<int> dot, Vector128<float> scales, float factor) =>
        Vector128.FusedMultiplyAdd(Vector128.ConvertToSingle(dot), scales * factor, sum);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector128<float> values, ref float destination) => values.StoreUnsafe(ref destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> LoadSums(ref float source) => Vector128.LoadUnsafe(ref source);
}
