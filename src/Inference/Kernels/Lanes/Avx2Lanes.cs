using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace LlmService.Inference.Kernels;

/// <summary>Eight rows of a tile at once.</summary>
internal readonly struct Avx2Lanes : ILanes<Vector256<short>, Vector256<byte>, Vector256<int>, Vector256<float>>
{
    public static int Rows => 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> AddProducts(Vector256<int> sum, Vector256<short> weights, int pair) =>
        sum + Avx2.MultiplyAddAdjacent(weights, Vector256.Create(pair).AsInt16());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Create(int value) => Vector256.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Load(ref byte source) => Vector256.LoadUnsafe(ref source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<short> Even(Vector256<byte> bytes) => bytes.AsInt16() & Vector256.Create((short)255);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<short> Odd(Vector256<byte> bytes) => bytes.AsInt16() >>> 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> LowNibbles(Vector256<byte> packed) => packed & Vector256.Create((byte)15);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> HighNibbles(Vector256<byte> packed) => (packed.AsUInt16() >>> 4).AsByte() & Vector256.Create((byte)15);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<short> Products(Vector256<byte> weights, int four) => Avx2.MultiplyAddAdjacent(weights, Vector256.Create(four).AsSByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<short> Add(Vector256<short> a, Vector256<short> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> AddPairs(Vector256<int> sum, Vector256<short> pairs) => sum + Avx2.MultiplyAddAdjacent(pairs, Vector256.Create((short)1));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Add(Vector256<int> a, Vector256<int> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> LoadScales(ref byte source) =>
        (Avx2.ConvertToVector256Int32(Vector128.LoadUnsafe(ref source).AsUInt16()) << 16).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> AddScaled(Vector256<float> sum, Vector256<int> dot, Vector256<float> scales, float factor) =>
        Fma.MultiplyAdd(Vector256.ConvertToSingle(dot), scales * factor, sum);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector256<float> values, ref float destination) => values.StoreUnsafe(ref destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> LoadSums(ref float source) => Vector256.LoadUnsafe(ref source);
}
