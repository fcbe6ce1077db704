using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace LlmService.Inference.Kernels;

/// <summary>Rounds blocks of weights to the whole numbers of a tile. A lane is a row, so all instruction sets choose the same scales and numbers.</summary>
internal static class PackKernels
{
    /// <summary>Floats of a block: 32 rows of 32 columns.</summary>
    public const int BlockFloats = TileLayout.Rows * TileLayout.BlockColumns;

    private const int Columns = TileLayout.BlockColumns, Half = Columns / 2;

    // The weight of the largest magnitude becomes -8 with the plain scale, its eighth, as there is no +8. Around that the squared error is least; beyond these it seldom is.
    // Tried in threes.
    private static ReadOnlySpan<float> Candidates => [-1 / 6.8f, -1 / 7f, -1 / 7.2f, -1 / 7.4f, -1 / 7.6f, -1 / 7.8f, -1 / 8f, -1 / 8.2f, -1 / 8.4f];

    /// <summary>Four bits: of several scales for 32 weights, the one with the least squared error is taken.</summary>
    /// <param name="path">Which implementation.</param>
    /// <param name="block">The weights, [32 columns, 32 rows].</param>
    /// <param name="packed">Receives the block, as <see cref="TileLayout"/> has it.</param>
    public static void Nibbles(KernelPath path, ReadOnlySpan<float> block, Span<byte> packed)
    {
        ref float weights = ref MemoryMarshal.GetReference(block[..BlockFloats]);
        ref byte to = ref MemoryMarshal.GetReference(packed[..TileLayout.BlockBytes(TileFormat.Q4)]);
        switch (path)
        {
            case KernelPath.Avx512 or KernelPath.Avx512Vnni: Nibbles<Avx512Floats, Vector512<float>>(ref weights, ref to); break;
            case KernelPath.Avx2: Nibbles<Avx2Floats, Vector256<float>>(ref weights, ref to); break;
            case KernelPath.Vector128: Nibbles<Vector128Floats, Vector128<float>>(ref weights, ref to); break;
            case KernelPath.Scalar: Nibbles<ScalarFloats, float>(ref weights, ref to); break;
            default: throw new InvalidOperationException($"unknown path {path}");
        }
    }

    /// <summary>Eight bits: the scale is rounded up, so that the largest of 32 weights fits.</summary>
    /// <param name="path">Which implementation.</param>
    /// <param name="block">The weights, [32 columns, 32 rows].</param>
    /// <param name="units">What the weights of each row are whole multiples of, from -128 to 127 of them; their scale is 1. 1 for all other rows.</param>
    /// <param name="packed">Receives the block, as <see cref="TileLayout"/> has it.</param>
    public static void Bytes(KernelPath path, ReadOnlySpan<float> block, ReadOnlySpan<float> units, Span<byte> packed)
    {
        ref float weights = ref MemoryMarshal.GetReference(block[..BlockFloats]);
        ref float unit = ref MemoryMarshal.GetReference(units[..TileLayout.Rows]);
        ref byte to = ref MemoryMarshal.GetReference(packed[..TileLayout.BlockBytes(TileFormat.Q8)]);
        switch (path)
        {
            case KernelPath.Avx512 or KernelPath.Avx512Vnni: Bytes<Avx512Floats, Vector512<float>>(ref weights, ref unit, ref to); break;
            case KernelPath.Avx2: Bytes<Avx2Floats, Vector256<float>>(ref weights, ref unit, ref to); break;
            case KernelPath.Vector128: Bytes<Vector128Floats, Vector128<float>>(ref weights, ref unit, ref to); break;
            case KernelPath.Scalar: Bytes<ScalarFloats, float>(ref weights, ref unit, ref to); break;
            default: throw new InvalidOperationException($"unknown path {path}");
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Nibbles<TLanes, TVector>(ref float block, ref byte packed)
        where TLanes : struct, IFloatLanes<TVector>
        where TVector : struct
    {
        TVector highest = TLanes.Create(7), eight = TLanes.Create(8), sixteen = TLanes.Create(16);
        for (int group = 0; group < TileLayout.Rows; group += TLanes.Count)
        {
            ref float weights = ref Unsafe.Add(ref block, group);
            TVector scale = BestScale<TLanes, TVector>(ref weights);
            TVector factor = Reciprocal<TLanes, TVector>(scale);
            for (int column = 0; column < Half; column += 4)
            {
                TLanes.StoreBytes(Pair(ref weights, column), Pair(ref weights, column + 1), Pair(ref weights, column + 2), Pair(ref weights, column + 3),
                    ref Unsafe.Add(ref packed, TileLayout.OffsetOfNibble(group, column)));
            }
            TLanes.StoreBfloat16(scale, ref Unsafe.Add(ref packed, TileLayout.OffsetOfScale(TileFormat.Q4, group)));

            // The low nibble, and the high one of 16 columns on.
            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            TVector Pair(ref float from, int column) => TLanes.Add(Number(ref from, column), TLanes.Multiply(Number(ref from, column + Half), sixteen));

            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            TVector Number(ref float from, int column) =>
                TLanes.Add(TLanes.MinOfNumbers(TLanes.Round(TLanes.Multiply(TLanes.Load(ref from, column * TileLayout.Rows), factor)), highest), eight);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector BestScale<TLanes, TVector>(ref float weights)
        where TLanes : struct, IFloatLanes<TVector>
        where TVector : struct
    {
        TVector largest = default, magnitude = default, highest = TLanes.Create(7);
        for (nint at = 0; at < BlockFloats; at += TileLayout.Rows)
        {
            TVector weight = TLanes.Load(ref weights, at), size = TLanes.Abs(weight);
            largest = TLanes.SelectLess(magnitude, size, weight, largest);
            magnitude = TLanes.MaxOfNumbers(size, magnitude);
        }
        TVector best = default, least = TLanes.Create(float.PositiveInfinity);
        ref float candidates = ref MemoryMarshal.GetReference(Candidates);
        for (int i = 0; i < Candidates.Length; i += 3)
        {
            TVector scale0 = TLanes.RoundToBfloat16(TLanes.Multiply(largest, Unsafe.Add(ref candidates, i)));
            TVector scale1 = TLanes.RoundToBfloat16(TLanes.Multiply(largest, Unsafe.Add(ref candidates, i + 1)));
            TVector scale2 = TLanes.RoundToBfloat16(TLanes.Multiply(largest, Unsafe.Add(ref candidates, i + 2)));
            TVector factor0 = Reciprocal<TLanes, TVector>(scale0), factor1 = Reciprocal<TLanes, TVector>(scale1), factor2 = Reciprocal<TLanes, TVector>(scale2);
            TVector minus0 = TLanes.Negate(scale0), minus1 = TLanes.Negate(scale1), minus2 = TLanes.Negate(scale2), error0 = default, error1 = default, error2 = default;
            for (nint at = 0; at < BlockFloats; at += TileLayout.Rows)
            {
                TVector weight = TLanes.Load(ref weights, at);
                // None of the candidates takes a weight below -8.
                TVector difference = TLanes.MultiplyAdd(TLanes.MinOfNumbers(TLanes.Round(TLanes.Multiply(weight, factor0)), highest), minus0, weight);
                error0 = TLanes.MultiplyAdd(difference, difference, error0);
                difference = TLanes.MultiplyAdd(TLanes.MinOfNumbers(TLanes.Round(TLanes.Multiply(weight, factor1)), highest), minus1, weight);
                error1 = TLanes.MultiplyAdd(difference, difference, error1);
                difference = TLanes.MultiplyAdd(TLanes.MinOfNumbers(TLanes.Round(TLanes.Multiply(weight, factor2)), highest), minus2, weight);
                error2 = TLanes.MultiplyAdd(difference, difference, error2);
            }
            best = TLanes.SelectLess(error0, least, scale0, best);
            least = TLanes.SelectLess(error0, least, error0, least);
            best = TLanes.SelectLess(error1, least, scale1, best);
            least = TLanes.SelectLess(error1, least, error1, least);
            best = TLanes.SelectLess(error2, least, scale2, best);
            least = TLanes.SelectLess(error2, least, error2, least);
        }
        return best;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Bytes<TLanes, TVector>(ref float block, ref float units, ref byte packed)
        where TLanes : struct, IFloatLanes<TVector>
        where TVector : struct
    {
        TVector one = TLanes.Create(1), lowest = TLanes.Create(-128), highest = TLanes.Create(127);
        for (int group = 0; group < TileLayout.Rows; group += TLanes.Count)
        {
            ref float weights = ref Unsafe.Add(ref block, group);
            TVector magnitude = default, unit = TLanes.Load(ref units, group);
            for (nint at = 0; at < BlockFloats; at += TileLayout.Rows)
                magnitude = TLanes.MaxOfNumbers(TLanes.Abs(TLanes.Load(ref weights, at)), magnitude);
            TVector scale = TLanes.RoundUpToBfloat16(TLanes.Divide(magnitude, highest)), distance = TLanes.Abs(TLanes.Subtract(unit, one));
            TVector factor = TLanes.SelectLess(default, distance, TLanes.Divide(one, unit), Reciprocal<TLanes, TVector>(scale));
            scale = TLanes.SelectLess(default, distance, one, scale);
            for (int column = 0; column < Columns; column += 4)
            {
                TLanes.StoreBytes(Number(ref weights, column), Number(ref weights, column + 1), Number(ref weights, column + 2), Number(ref weights, column + 3),
                    ref Unsafe.Add(ref packed, TileLayout.OffsetOfByte(group, column)));
            }
            TLanes.StoreBfloat16(scale, ref Unsafe.Add(ref packed, TileLayout.OffsetOfScale(TileFormat.Q8, group)));

            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            TVector Number(ref float from, int column) =>
                TLanes.Subtract(TLanes.MaxOfNumbers(TLanes.MinOfNumbers(TLanes.Round(TLanes.Multiply(TLanes.Load(ref from, column * TileLayout.Rows), factor)), highest), lowest), lowest);
        }
    }

    /// <summary>1 / scale; 0 where that would not be finite.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Reciprocal<TLanes, TVector>(TVector scale)
        where TLanes : struct, IFloatLanes<TVector>
        where TVector : struct
    {
        TVector factor = TLanes.Divide(TLanes.Create(1), scale);
        return TLanes.SelectLess(TLanes.Abs(factor), TLanes.Create(float.PositiveInfinity), factor, default);
    }
}
