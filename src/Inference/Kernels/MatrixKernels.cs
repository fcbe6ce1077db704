using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace LlmService.Inference.Kernels;

/// <summary>
/// Products of float matrices. Every output is summed in the same order on every machine: 16 lanes, lane j takes the columns j, j + 16, … by fused
/// multiply-add; then the lanes are added in pairs at distance 8, 4, 2, 1. Neither the number of tokens nor the tile matters.
/// Vectors of fewer lanes compute the lanes in groups, one after the other, over pieces of the rows that stay in the first-level cache meanwhile.
/// The loops are compiled with optimisation at once (<see cref="MethodImplOptions.AggressiveOptimization"/>): the first requests of a process need not wait for the tiers.
/// </summary>
internal static class MatrixKernels
{
    /// <summary>Rows of weights that are multiplied together.</summary>
    public const int PanelRows = 4;

    private const int Lanes = 16, TileTokens = 4;

    // Eight rows of so many columns are 16 KiB.
    private const int PieceColumns = 512;

    /// <summary>output[t, column + r] = Σ weights[r, k] input[t, k].</summary>
    /// <param name="path">Which implementation.</param>
    /// <param name="weights">[rows, columns].</param>
    /// <param name="rows">1 to 4.</param>
    /// <param name="columns">Length of the sums.</param>
    /// <param name="input">[tokens, columns].</param>
    /// <param name="tokens">How many.</param>
    /// <param name="output">[tokens, stride].</param>
    /// <param name="stride">Columns of the output.</param>
    /// <param name="column">The output's column of the first row.</param>
    public static void MultiplyPanel(
        KernelPath path, ReadOnlySpan<float> weights, int rows, int columns, ReadOnlySpan<float> input, int tokens, Span<float> output, int stride, int column)
    {
        weights = weights[..(rows * columns)];
        input = input[..(tokens * columns)];
        output = output[..(tokens * stride)];
        int token = 0;
        if (path != KernelPath.Scalar && rows == PanelRows)
        {
            for (; token + TileTokens <= tokens; token += TileTokens)
                MultiplyTile(path, weights, columns, input.Slice(token * columns, TileTokens * columns), TileTokens, output[(token * stride + column)..], stride);
            for (; token < tokens; token++)
                MultiplyTile(path, weights, columns, input.Slice(token * columns, columns), 1, output[(token * stride + column)..], stride);
        }
        for (; token < tokens; token++)
        {
            for (int row = 0; row < rows; row++)
                output[token * stride + column + row] = Dot(path, weights.Slice(row * columns, columns), input.Slice(token * columns, columns));
        }
    }

    /// <summary>Σ a[i] b[i] in the fixed order.</summary>
    public static float Dot(KernelPath path, ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        b = b[..a.Length];
        if (path == KernelPath.Scalar)
            return DotScalar(a, b);
        Span<float> sums = stackalloc float[Lanes];
        sums.Clear();
        ref float left = ref MemoryMarshal.GetReference(a), right = ref MemoryMarshal.GetReference(b), to = ref MemoryMarshal.GetReference(sums);
        int whole = a.Length / Lanes * Lanes;
        switch (path)
        {
            case KernelPath.Avx512 or KernelPath.Avx512Vnni: SumRow<Avx512Floats, Vector512<float>>(ref left, ref right, whole, ref to); break;
            case KernelPath.Avx2: SumRow<Avx2Floats, Vector256<float>>(ref left, ref right, whole, ref to); break;
            case KernelPath.Vector128: SumRow<Vector128Floats, Vector128<float>>(ref left, ref right, whole, ref to); break;
            default: throw new InvalidOperationException($"unknown path {path}");
        }
        AddRest(a[whole..], b[whole..], sums);
        return Reduce(sums);
    }

    /// <summary>Widens signed or unsigned bytes to floats.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void WidenBytes(ReadOnlySpan<byte> source, Span<float> destination, bool isSigned)
    {
        int i = 0;
        destination = destination[..source.Length];
        ref byte from = ref MemoryMarshal.GetReference(source);
        ref float to = ref MemoryMarshal.GetReference(destination);
        for (; i <= source.Length - Lanes; i += Lanes)
        {
            Vector128<byte> bytes = Vector128.LoadUnsafe(ref from, (nuint)i);
            Vector256<short> wide = isSigned ? Vector256.WidenLower(bytes.AsSByte().ToVector256Unsafe()) : Vector256.WidenLower(bytes.ToVector256Unsafe()).AsInt16();
            (Vector256<int> low, Vector256<int> high) = Vector256.Widen(wide);
            Vector256.ConvertToSingle(low).StoreUnsafe(ref to, (nuint)i);
            Vector256.ConvertToSingle(high).StoreUnsafe(ref to, (nuint)i + 8);
        }
        for (; i < source.Length; i++)
            destination[i] = isSigned ? (sbyte)source[i] : source[i];
    }

    /// <summary>Widens bfloat16 to float: the upper half of its bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void WidenBfloat16(ReadOnlySpan<ushort> source, Span<float> destination)
    {
        int i = 0;
        Span<uint> bits = MemoryMarshal.Cast<float, uint>(destination)[..source.Length];
        ref ushort from = ref MemoryMarshal.GetReference(source);
        ref uint to = ref MemoryMarshal.GetReference(bits);
        for (; i <= source.Length - Lanes; i += Lanes)
        {
            (Vector256<uint> low, Vector256<uint> high) = Vector256.Widen(Vector256.LoadUnsafe(ref from, (nuint)i));
            Vector256.ShiftLeft(low, 16).StoreUnsafe(ref to, (nuint)i);
            Vector256.ShiftLeft(high, 16).StoreUnsafe(ref to, (nuint)i + 8);
        }
        for (; i < source.Length; i++)
            bits[i] = (uint)source[i] << 16;
    }

    private static float DotScalar(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        Span<float> lanes = stackalloc float[Lanes];
        lanes.Clear();
        int padded = (a.Length + Lanes - 1) / Lanes * Lanes;
        for (int i = 0; i < padded; i++)
            lanes[i % Lanes] = i < a.Length ? MathF.FusedMultiplyAdd(a[i], b[i], lanes[i % Lanes]) : MathF.FusedMultiplyAdd(0, 0, lanes[i % Lanes]);
        return ReduceScalar(lanes);
    }

    /// <summary>Adds the lanes in pairs at distance 8, 4, 2, 1.</summary>
    public static float ReduceScalar(Span<float> lanes)
    {
        for (int distance = Lanes / 2; distance > 0; distance /= 2)
        {
            for (int i = 0; i < distance; i++)
                lanes[i] += lanes[i + distance];
        }
        return lanes[0];
    }

    /// <summary>Adds 16 lanes in pairs at distance 8, 4, 2, 1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Reduce(ReadOnlySpan<float> lanes)
    {
        ref float from = ref MemoryMarshal.GetReference(lanes[..Lanes]);
        Vector128<float> four = Vector128.LoadUnsafe(ref from) + Vector128.LoadUnsafe(ref from, 8) + (Vector128.LoadUnsafe(ref from, 4) + Vector128.LoadUnsafe(ref from, 12));
        return four[0] + four[2] + (four[1] + four[3]);
    }

    /// <summary>The columns after the last whole sixteen.</summary>
    private static void AddRest(ReadOnlySpan<float> a, ReadOnlySpan<float> b, Span<float> sums)
    {
        for (int i = 0; i < a.Length; i++)
            sums[i] = MathF.FusedMultiplyAdd(a[i], b[i], sums[i]);
    }

    /// <summary>Four rows by one or four tokens.</summary>
    [SkipLocalsInit]
    private static void MultiplyTile(KernelPath path, ReadOnlySpan<float> weights, int columns, ReadOnlySpan<float> input, int tokens, Span<float> output, int stride)
    {
        Span<float> sums = stackalloc float[PanelRows * TileTokens * Lanes];
        sums = sums[..(tokens * PanelRows * Lanes)];
        sums.Clear();
        ref float w = ref MemoryMarshal.GetReference(weights), x = ref MemoryMarshal.GetReference(input), to = ref MemoryMarshal.GetReference(sums);
        switch (path, tokens)
        {
            case (KernelPath.Avx512 or KernelPath.Avx512Vnni, 1): SumRows<Avx512Floats, Vector512<float>>(ref w, columns, ref x, ref to); break;
            case (KernelPath.Avx512 or KernelPath.Avx512Vnni, _): SumTile<Avx512Floats, Vector512<float>>(ref w, columns, ref x, ref to); break;
            case (KernelPath.Avx2, 1): SumRowsByTwo<Avx2Floats, Vector256<float>>(ref w, columns, ref x, ref to); break;
            // Sixteen registers hold two rows by four tokens.
            case (KernelPath.Avx2, _):
                SumHalfTile<Avx2Floats, Vector256<float>>(ref w, columns, ref x, ref to);
                SumHalfTile<Avx2Floats, Vector256<float>>(ref Unsafe.Add(ref w, 2 * columns), columns, ref x, ref Unsafe.Add(ref to, 2 * Lanes));
                break;
            case (KernelPath.Vector128, 1): SumRowsByTwo<Vector128Floats, Vector128<float>>(ref w, columns, ref x, ref to); break;
            case (KernelPath.Vector128, _): SumTile<Vector128Floats, Vector128<float>>(ref w, columns, ref x, ref to); break;
            default: throw new InvalidOperationException($"unknown path {path}");
        }
        int whole = columns / Lanes * Lanes;
        for (int token = 0; token < tokens; token++)
        {
            for (int row = 0; row < PanelRows; row++)
            {
                Span<float> lanes = sums.Slice((token * PanelRows + row) * Lanes, Lanes);
                if (whole < columns)
                    AddRest(weights.Slice(row * columns + whole, columns - whole), input.Slice(token * columns + whole, columns - whole), lanes);
                output[token * stride + row] = Reduce(lanes);
            }
        }
    }

    // The loops below read the whole sixteens of their rows, and write 16 sums for each product; the callers have cut the spans to that.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void SumRow<TLanes, TVector>(ref float a, ref float b, int whole, ref float sums)
        where TLanes : struct, IFloatLanes<TVector>
        where TVector : struct
    {
        for (int piece = 0; piece < whole; piece += PieceColumns)
        {
            int end = Math.Min(whole, piece + PieceColumns);
            for (int group = 0; group < Lanes; group += TLanes.Count)
            {
                TVector sum = TLanes.Load(ref sums, group);
                for (nint i = piece + group; i < end; i += Lanes)
                    sum = TLanes.MultiplyAdd(TLanes.Load(ref a, i), TLanes.Load(ref b, i), sum);
                TLanes.Store(sum, ref sums, group);
            }
        }
    }

    // Four rows by one token.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void SumRows<TLanes, TVector>(ref float w, nint columns, ref float x, ref float sums)
        where TLanes : struct, IFloatLanes<TVector>
        where TVector : struct
    {
        nint whole = columns / Lanes * Lanes;
        TVector s0 = default, s1 = default, s2 = default, s3 = default;
        for (nint i = 0; i < whole; i += Lanes)
        {
            TVector v = TLanes.Load(ref x, i);
            s0 = TLanes.MultiplyAdd(TLanes.Load(ref w, i), v, s0);
            s1 = TLanes.MultiplyAdd(TLanes.Load(ref w, i + columns), v, s1);
            s2 = TLanes.MultiplyAdd(TLanes.Load(ref w, i + 2 * columns), v, s2);
            s3 = TLanes.MultiplyAdd(TLanes.Load(ref w, i + 3 * columns), v, s3);
        }
        TLanes.Store(s0, ref sums, 0);
        TLanes.Store(s1, ref sums, Lanes);
        TLanes.Store(s2, ref sums, 2 * Lanes);
        TLanes.Store(s3, ref sums, 3 * Lanes);
    }

    // Four rows by one token, two groups of lanes at once: eight sums that do not wait for each other, and memory is read in whole lines.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void SumRowsByTwo<TLanes, TVector>(ref float w, nint columns, ref float x, ref float sums)
        where TLanes : struct, IFloatLanes<TVector>
        where TVector : struct
    {
        nint whole = columns / Lanes * Lanes;
        for (nint piece = 0; piece < whole; piece += PieceColumns)
        {
            nint end = Math.Min(whole, piece + PieceColumns);
            for (int group = 0; group < Lanes; group += 2 * TLanes.Count)
            {
                ref float to = ref Unsafe.Add(ref sums, group);
                TVector a0 = TLanes.Load(ref to, 0), a1 = TLanes.Load(ref to, Lanes), a2 = TLanes.Load(ref to, 2 * Lanes), a3 = TLanes.Load(ref to, 3 * Lanes);
                TVector b0 = TLanes.Load(ref to, TLanes.Count), b1 = TLanes.Load(ref to, TLanes.Count + Lanes), b2 = TLanes.Load(ref to, TLanes.Count + 2 * Lanes), b3 = TLanes.Load(ref to, TLanes.Count + 3 * Lanes);
                for (nint i = piece + group; i < end; i += Lanes)
                {
                    TVector v = TLanes.Load(ref x, i);
                    a0 = TLanes.MultiplyAdd(TLanes.Load(ref w, i), v, a0);
                    a1 = TLanes.MultiplyAdd(TLanes.Load(ref w, i + columns), v, a1);
                    a2 = TLanes.MultiplyAdd(TLanes.Load(ref w, i + 2 * columns), v, a2);
                    a3 = TLanes.MultiplyAdd(TLanes.Load(ref w, i + 3 * columns), v, a3);
                    nint j = i + TLanes.Count;
                    v = TLanes.Load(ref x, j);
                    b0 = TLanes.MultiplyAdd(TLanes.Load(ref w, j), v, b0);
                    b1 = TLanes.MultiplyAdd(TLanes.Load(ref w, j + columns), v, b1);
                    b2 = TLanes.MultiplyAdd(TLanes.Load(ref w, j + 2 * columns), v, b2);
                    b3 = TLanes.MultiplyAdd(TLanes.Load(ref w, j + 3 * columns), v, b3);
                }
                TLanes.Store(a0, ref to, 0); TLanes.Store(a1, ref to, Lanes); TLanes.Store(a2, ref to, 2 * Lanes); TLanes.Store(a3, ref to, 3 * Lanes);
                TLanes.Store(b0, ref to, TLanes.Count); TLanes.Store(b1, ref to, TLanes.Count + Lanes); TLanes.Store(b2, ref to, TLanes.Count + 2 * Lanes); TLanes.Store(b3, ref to, TLanes.Count + 3 * Lanes);
            }
        }
    }

    // Four rows by four tokens: 16 sums in registers, 8 loads for 16 multiply-adds.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void SumTile<TLanes, TVector>(ref float w, nint columns, ref float x, ref float sums)
        where TLanes : struct, IFloatLanes<TVector>
        where TVector : struct
    {
        nint whole = columns / Lanes * Lanes;
        for (nint piece = 0; piece < whole; piece += PieceColumns)
        {
            nint end = Math.Min(whole, piece + PieceColumns);
            for (int group = 0; group < Lanes; group += TLanes.Count)
            {
                ref float to = ref Unsafe.Add(ref sums, group);
                TVector a0 = TLanes.Load(ref to, 0), a1 = TLanes.Load(ref to, Lanes), a2 = TLanes.Load(ref to, 2 * Lanes), a3 = TLanes.Load(ref to, 3 * Lanes);
                TVector b0 = TLanes.Load(ref to, 4 * Lanes), b1 = TLanes.Load(ref to, 5 * Lanes), b2 = TLanes.Load(ref to, 6 * Lanes), b3 = TLanes.Load(ref to, 7 * Lanes);
                TVector c0 = TLanes.Load(ref to, 8 * Lanes), c1 = TLanes.Load(ref to, 9 * Lanes), c2 = TLanes.Load(ref to, 10 * Lanes), c3 = TLanes.Load(ref to, 11 * Lanes);
                TVector d0 = TLanes.Load(ref to, 12 * Lanes), d1 = TLanes.Load(ref to, 13 * Lanes), d2 = TLanes.Load(ref to, 14 * Lanes), d3 = TLanes.Load(ref to, 15 * Lanes);
                for (nint i = piece + group; i < end; i += Lanes)
                {
                    TVector w0 = TLanes.Load(ref w, i), w1 = TLanes.Load(ref w, i + columns), w2 = TLanes.Load(ref w, i + 2 * columns), w3 = TLanes.Load(ref w, i + 3 * columns);
                    TVector v = TLanes.Load(ref x, i);
                    a0 = TLanes.MultiplyAdd(w0, v, a0); a1 = TLanes.MultiplyAdd(w1, v, a1); a2 = TLanes.MultiplyAdd(w2, v, a2); a3 = TLanes.MultiplyAdd(w3, v, a3);
                    v = TLanes.Load(ref x, i + columns);
                    b0 = TLanes.MultiplyAdd(w0, v, b0); b1 = TLanes.MultiplyAdd(w1, v, b1); b2 = TLanes.MultiplyAdd(w2, v, b2); b3 = TLanes.MultiplyAdd(w3, v, b3);
                    v = TLanes.Load(ref x, i + 2 * columns);
                    c0 = TLanes.MultiplyAdd(w0, v, c0); c1 = TLanes.MultiplyAdd(w1, v, c1); c2 = TLanes.MultiplyAdd(w2, v, c2); c3 = TLanes.MultiplyAdd(w3, v, c3);
                    v = TLanes.Load(ref x, i + 3 * columns);
                    d0 = TLanes.MultiplyAdd(w0, v, d0); d1 = TLanes.MultiplyAdd(w1, v, d1); d2 = TLanes.MultiplyAdd(w2, v, d2); d3 = TLanes.MultiplyAdd(w3, v, d3);
                }
                TLanes.Store(a0, ref to, 0); TLanes.Store(a1, ref to, Lanes); TLanes.Store(a2, ref to, 2 * Lanes); TLanes.Store(a3, ref to, 3 * Lanes);
                TLanes.Store(b0, ref to, 4 * Lanes); TLanes.Store(b1, ref to, 5 * Lanes); TLanes.Store(b2, ref to, 6 * Lanes); TLanes.Store(b3, ref to, 7 * Lanes);
                TLanes.Store(c0, ref to, 8 * Lanes); TLanes.Store(c1, ref to, 9 * Lanes); TLanes.Store(c2, ref to, 10 * Lanes); TLanes.Store(c3, ref to, 11 * Lanes);
                TLanes.Store(d0, ref to, 12 * Lanes); TLanes.Store(d1, ref to, 13 * Lanes); TLanes.Store(d2, ref to, 14 * Lanes); TLanes.Store(d3, ref to, 15 * Lanes);
            }
        }
    }

    // Two rows by four tokens: 8 sums in registers, 6 loads for 8 multiply-adds.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void SumHalfTile<TLanes, TVector>(ref float w, nint columns, ref float x, ref float sums)
        where TLanes : struct, IFloatLanes<TVector>
        where TVector : struct
    {
        nint whole = columns / Lanes * Lanes;
        for (nint piece = 0; piece < whole; piece += PieceColumns)
        {
            nint end = Math.Min(whole, piece + PieceColumns);
            for (int group = 0; group < Lanes; group += TLanes.Count)
            {
                ref float to = ref Unsafe.Add(ref sums, group);
                TVector a0 = TLanes.Load(ref to, 0), a1 = TLanes.Load(ref to, Lanes);
                TVector b0 = TLanes.Load(ref to, 4 * Lanes), b1 = TLanes.Load(ref to, 5 * Lanes);
                TVector c0 = TLanes.Load(ref to, 8 * Lanes), c1 = TLanes.Load(ref to, 9 * Lanes);
                TVector d0 = TLanes.Load(ref to, 12 * Lanes), d1 = TLanes.Load(ref to, 13 * Lanes);
                for (nint i = piece + group; i < end; i += Lanes)
                {
                    TVector w0 = TLanes.Load(ref w, i), w1 = TLanes.Load(ref w, i + columns);
                    TVector v = TLanes.Load(ref x, i);
                    a0 = TLanes.MultiplyAdd(w0, v, a0); a1 = TLanes.MultiplyAdd(w1, v, a1);
                    v = TLanes.Load(ref x, i + columns);
                    b0 = TLanes.MultiplyAdd(w0, v, b0); b1 = TLanes.MultiplyAdd(w1, v, b1);
                    v = TLanes.Load(ref x, i + 2 * columns);
                    c0 = TLanes.MultiplyAdd(w0, v, c0); c1 = TLanes.MultiplyAdd(w1, v, c1);
                    v = TLanes.Load(ref x, i + 3 * columns);
                    d0 = TLanes.MultiplyAdd(w0, v, d0); d1 = TLanes.MultiplyAdd(w1, v, d1);
                }
                TLanes.Store(a0, ref to, 0); TLanes.Store(a1, ref to, Lanes);
                TLanes.Store(b0, ref to, 4 * Lanes); TLanes.Store(b1, ref to, 5 * Lanes);
                TLanes.Store(c0, ref to, 8 * Lanes); TLanes.Store(c1, ref to, 9 * Lanes);
                TLanes.Store(d0, ref to, 12 * Lanes); TLanes.Store(d1, ref to, 13 * Lanes);
            }
        }
    }
}
