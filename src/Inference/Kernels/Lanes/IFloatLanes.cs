using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace LlmService.Inference.Kernels;

/// <summary>What a kernel over floats needs of an instruction set. A lane is an output, so no sum depends on how many lanes there are. Callers check the bounds.</summary>
/// <typeparam name="TVector">A float in every lane.</typeparam>
internal interface IFloatLanes<TVector>
{
    /// <summary>Floats of a vector: 16, 8, 4 or 1.</summary>
    static abstract int Count { get; }

    static abstract TVector Load(ref float source, nint index);

    static abstract void Store(TVector values, ref float destination, nint index);

    /// <summary>values · factor + sum in every lane, fused.</summary>
    static abstract TVector MultiplyAdd(TVector values, float factor, TVector sum);

    static abstract TVector Multiply(TVector values, float factor);
}

internal readonly struct Avx512Floats : IFloatLanes<Vector512<float>>
{
    public static int Count => 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(ref float source, nint index) => Vector512.LoadUnsafe(ref source, (nuint)index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector512<float> values, ref float destination, nint index) => values.StoreUnsafe(ref destination, (nuint)index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> MultiplyAdd(Vector512<float> values, float factor, Vector512<float> sum) => Avx512F.FusedMultiplyAdd(values, Vector512.Create(factor), sum);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Multiply(Vector512<float> values, float factor) => values * factor;
}

internal readonly struct Avx2Floats : IFloatLanes<Vector256<float>>
{
    public static int Count => 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Load(ref float source, nint index) => Vector256.LoadUnsafe(ref source, (nuint)index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector256<float> values, ref float destination, nint index) => values.StoreUnsafe(ref destination, (nuint)index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> MultiplyAdd(Vector256<float> values, float factor, Vector256<float> sum) => Fma.MultiplyAdd(values, Vector256.Create(factor), sum);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Multiply(Vector256<float> values, float factor) => values * factor;
}

internal readonly struct Vector128Floats : IFloatLanes<Vector128<float>>
{
    public static int Count => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Load(ref float source, nint index) => Vector128.LoadUnsafe(ref source, (nuint)index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector128<float> values, ref float destination, nint index) => values.StoreUnsafe(ref destination, (nuint)index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> MultiplyAdd(Vector128<float> values, float factor, Vector128<float> sum) => Vector128.FusedMultiplyAdd(values, Vector128.Create(factor), sum);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Multiply(Vector128<float> values, float factor) => values * factor;
}

internal readonly struct ScalarFloats : IFloatLanes<float>
{
    public static int Count => 1;

    public static float Load(ref float source, nint index) => Unsafe.Add(ref source, index);

    public static void Store(float values, ref float destination, nint index) => Unsafe.Add(ref destination, index) = values;

    public static float MultiplyAdd(float values, float factor, float sum) => MathF.FusedMultiplyAdd(values, factor, sum);

    public static float Multiply(float values, float factor) => values * factor;
}
