using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace LlmService.Inference.Kernels;

/// <summary>All 16 rows of a strip at once.</summary>
internal readonly struct Avx512Lanes : ILanes<Vector512<short>, Vector512<byte>, Vector512<int>, Vector512<float>>
{
    public static int Rows => 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> AddProducts(Vector512<int> sum, Vector512<short> weights, int pair) =>
        sum + Avx512BW.MultiplyAddAdjacent(weights, Vector512.Create(pair).AsInt16());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Create(int value) => Vector512.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<byte> Load(ref byte source) => Vector512.LoadUnsafe(ref source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<short> Even(Vector512<byte> bytes) => bytes.AsInt16() & Vector512.Create((short)255);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<short> Odd(Vector512<byte> bytes) => bytes.AsInt16() >>> 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<byte> LowNibbles(Vector512<byte> packed) => packed & Vector512.Create((byte)15);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<byte> HighNibbles(Vector512<byte> packed) => (packed.AsUInt16() >>> 4).AsByte() & Vector512.Create((byte)15);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<short> Products(Vector512<byte> weights, int four) => Avx512BW.MultiplyAddAdjacent(weights, Vector512.Create(four).AsSByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<short> Add(Vector512<short> a, Vector512<short> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> AddPairs(Vector512<int> sum, Vector512<short> pairs) => sum + Avx512BW.MultiplyAddAdjacent(pairs, Vector512.Create((short)1));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Add(Vector512<int> a, Vector512<int> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> LoadScales(ref byte source) =>
        (Avx512F.ConvertToVector512UInt32(Vector256.LoadUnsafe(ref source).AsUInt16()) << 16).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> AddScaled(Vector512<float> sum, Vector512<int> dot, Vector512<float> scales, float factor) =>
        Vector512.FusedMultiplyAdd(Vector512.ConvertToSingle(dot), scales * factor, sum);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector512<float> values, ref float destination) => values.StoreUnsafe(ref destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> LoadSums(ref float source) => Vector512.LoadUnsafe(ref source);
}
