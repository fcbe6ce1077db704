using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace LlmService.Inference.Kernels;

/// <summary>Rows of floats as bfloat16, two in a lane of 32 bits; rounded to the nearest, halves to even.</summary>
internal static class HalfKernels
{
    /// <summary>Rounds in place.</summary>
    public static void Round(KernelPath path, Span<float> values)
    {
        switch (path)
        {
            case KernelPath.Avx512 or KernelPath.Avx512Vnni: Round<Avx512Floats, Vector512<float>>(values); break;
            case KernelPath.Avx2: Round<Avx2Floats, Vector256<float>>(values); break;
            case KernelPath.Vector128: Round<Vector128Floats, Vector128<float>>(values); break;
            case KernelPath.Scalar: Round<ScalarFloats, float>(values); break;
            default: throw new InvalidOperationException($"unknown path {path}");
        }
    }

    /// <summary>Each two neighbours in a lane, the first one in the upper half.</summary>
    /// <param name="path">Which implementation.</param>
    /// <param name="values">An even number of floats.</param>
    /// <param name="lanes">Receives half as many; they may lie where the floats do.</param>
    public static void Pack(KernelPath path, ReadOnlySpan<float> values, Span<uint> lanes)
    {
        lanes = lanes[..(values.Length / 2)];
        switch (path)
        {
            case KernelPath.Avx512 or KernelPath.Avx512Vnni: Pack<Avx512Floats, Vector512<float>>(values, lanes); break;
            case KernelPath.Avx2: Pack<Avx2Floats, Vector256<float>>(values, lanes); break;
            case KernelPath.Vector128: Pack<Vector128Floats, Vector128<float>>(values, lanes); break;
            case KernelPath.Scalar: Pack<ScalarFloats, float>(values, lanes); break;
            default: throw new InvalidOperationException($"unknown path {path}");
        }
    }

    /// <summary>A row in the upper halves and another one in the lower halves.</summary>
    /// <param name="path">Which implementation.</param>
    /// <param name="upper">The first row; empty to leave the upper halves as they are.</param>
    /// <param name="lower">The second row; empty for zeros.</param>
    /// <param name="lanes">Receives them; as many as the rows are long.</param>
    public static void Join(KernelPath path, ReadOnlySpan<float> upper, ReadOnlySpan<float> lower, Span<uint> lanes)
    {
        if ((upper.Length | lower.Length) != lanes.Length || (!upper.IsEmpty && upper.Length != lanes.Length))
            throw new ArgumentException($"Rows of {upper.Length} and {lower.Length} numbers do not fit {lanes.Length} lanes.");
        switch (path)
        {
            case KernelPath.Avx512 or KernelPath.Avx512Vnni: Join<Avx512Floats, Vector512<float>>(upper, lower, lanes); break;
            case KernelPath.Avx2: Join<Avx2Floats, Vector256<float>>(upper, lower, lanes); break;
            case KernelPath.Vector128: Join<Vector128Floats, Vector128<float>>(upper, lower, lanes); break;
            case KernelPath.Scalar: Join<ScalarFloats, float>(upper, lower, lanes); break;
            default: throw new InvalidOperationException($"unknown path {path}");
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Round<TLanes, TVector>(Span<float> values)
        where TLanes : struct, IFloatLanes<TVector>
        where TVector : struct
    {
        ref float at = ref MemoryMarshal.GetReference(values);
        int i = 0;
        for (; i <= values.Length - TLanes.Count; i += TLanes.Count)
            TLanes.Store(TLanes.RoundToBfloat16(TLanes.Load(ref at, i)), ref at, i);
        for (; i < values.Length; i++)
            values[i] = ScalarFloats.RoundToBfloat16(values[i]);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Pack<TLanes, TVector>(ReadOnlySpan<float> values, Span<uint> lanes)
        where TLanes : struct, IFloatLanes<TVector>
        where TVector : struct
    {
        ref float from = ref MemoryMarshal.GetReference(values);
        ref uint to = ref MemoryMarshal.GetReference(lanes);
        int lane = 0;
        for (; lane <= lanes.Length - TLanes.Count; lane += TLanes.Count)
        {
            TVector first = TLanes.RoundToBfloat16(TLanes.Load(ref from, 2 * lane)), second = TLanes.RoundToBfloat16(TLanes.Load(ref from, 2 * lane + TLanes.Count));
            TLanes.StoreNeighbours(first, second, ref to, lane);
        }
        for (; lane < lanes.Length; lane++)
            ScalarFloats.StoreHalves(ScalarFloats.RoundToBfloat16(values[2 * lane]), ScalarFloats.RoundToBfloat16(values[2 * lane + 1]), ref to, lane);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Join<TLanes, TVector>(ReadOnlySpan<float> upper, ReadOnlySpan<float> lower, Span<uint> lanes)
        where TLanes : struct, IFloatLanes<TVector>
        where TVector : struct
    {
        ref float first = ref MemoryMarshal.GetReference(upper), second = ref MemoryMarshal.GetReference(lower);
        ref uint to = ref MemoryMarshal.GetReference(lanes);
        int i = 0;
        for (; i <= lanes.Length - TLanes.Count; i += TLanes.Count)
        {
            TVector a = upper.IsEmpty ? TLanes.LoadUpper(ref to, i) : TLanes.RoundToBfloat16(TLanes.Load(ref first, i));
            TVector b = lower.IsEmpty ? default : TLanes.RoundToBfloat16(TLanes.Load(ref second, i));
            TLanes.StoreHalves(a, b, ref to, i);
        }
        for (; i < lanes.Length; i++)
        {
            float a = upper.IsEmpty ? ScalarFloats.LoadUpper(ref to, i) : ScalarFloats.RoundToBfloat16(upper[i]);
            float b = lower.IsEmpty ? 0 : ScalarFloats.RoundToBfloat16(lower[i]);
            ScalarFloats.StoreHalves(a, b, ref to, i);
        }
    }
}
