using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace LlmService.Inference.Kernels;

/// <summary>
/// Products of float matrices. Every output is summed in the same order on every machine: 16 lanes, lane j takes the columns j, j + 16, … by fused
/// multiply-add, the last ones padded with zeros; then the lanes are added in pairs at distance 8, 4, 2, 1. Neither the number of tokens nor the tile matters.
/// The loops are compiled with optimisation at once (<see cref="MethodImplOptions.AggressiveOptimization"/>): the first requests of a process need not wait for the tiers.
/// </summary>
internal static class MatrixKernels
{
    /// <summary>Rows of weights that are multiplied together.</summary>
    public const int PanelRows = 4;

    private const int Lanes = 16;

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
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void MultiplyPanel(
        KernelPath path, ReadOnlySpan<float> weights, int rows, int columns, ReadOnlySpan<float> input, int tokens, Span<float> output, int stride, int column)
    {
        weights = weights[..(rows * columns)];
        input = input[..(tokens * columns)];
        output = output[..(tokens * stride)];
        int token = 0;
        if (path != KernelPath.Scalar && rows == PanelRows)
        {
            for (; token + 4 <= tokens; token += 4)
                Tile4(weights, columns, input[(token * columns)..], output, stride, token, column);
            for (; token < tokens; token++)
                Tile1(weights, columns, input.Slice(token * columns, columns), output.Slice(token * stride + column, PanelRows));
        }
        for (; token < tokens; token++)
        {
            for (int row = 0; row < rows; row++)
                output[token * stride + column + row] = Dot(path, weights.Slice(row * columns, columns), input.Slice(token * columns, columns));
        }
    }

    /// <summary>Σ a[i] b[i] in the fixed order.</summary>
    public static float Dot(KernelPath path, ReadOnlySpan<float> a, ReadOnlySpan<float> b) =>
        path != KernelPath.Scalar ? DotVector(a, b[..a.Length]) : DotScalar(a, b[..a.Length]);

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
            Vector512.ConvertToSingle(Vector512.WidenLower(wide.ToVector512Unsafe())).StoreUnsafe(ref to, (nuint)i);
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

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float DotVector(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        ref float left = ref MemoryMarshal.GetReference(a);
        ref float right = ref MemoryMarshal.GetReference(b);
        Vector512<float> sum = Vector512<float>.Zero;
        int i = 0;
        for (; i <= a.Length - Lanes; i += Lanes)
            sum = Vector512.FusedMultiplyAdd(Vector512.LoadUnsafe(ref left, (nuint)i), Vector512.LoadUnsafe(ref right, (nuint)i), sum);
        if (i < a.Length)
            sum = Vector512.FusedMultiplyAdd(Tail(a[i..]), Tail(b[i..]), sum);
        return Reduce(sum);
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

    /// <summary>Adds the lanes in pairs at distance 8, 4, 2, 1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Reduce(Vector512<float> lanes)
    {
        Vector256<float> eight = lanes.GetLower() + lanes.GetUpper();
        Vector128<float> four = eight.GetLower() + eight.GetUpper();
        return four[0] + four[2] + (four[1] + four[3]);
    }

    /// <summary>Up to 15 floats, padded with zeros.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Tail(ReadOnlySpan<float> rest)
    {
        Span<float> padded = stackalloc float[Lanes];
        padded.Clear();
        rest.CopyTo(padded);
        return Vector512.Create<float>(padded);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile1(ReadOnlySpan<float> weights, int columns, ReadOnlySpan<float> input, Span<float> output)
    {
        ref float w = ref MemoryMarshal.GetReference(weights);
        ref float x = ref MemoryMarshal.GetReference(input);
        nuint length = (nuint)columns;
        Vector512<float> s0 = default, s1 = default, s2 = default, s3 = default;
        int k = 0;
        for (; k <= columns - Lanes; k += Lanes)
        {
            Vector512<float> v = Vector512.LoadUnsafe(ref x, (nuint)k);
            s0 = Vector512.FusedMultiplyAdd(Vector512.LoadUnsafe(ref w, (nuint)k), v, s0);
            s1 = Vector512.FusedMultiplyAdd(Vector512.LoadUnsafe(ref w, (nuint)k + length), v, s1);
            s2 = Vector512.FusedMultiplyAdd(Vector512.LoadUnsafe(ref w, (nuint)k + 2 * length), v, s2);
            s3 = Vector512.FusedMultiplyAdd(Vector512.LoadUnsafe(ref w, (nuint)k + 3 * length), v, s3);
        }
        if (k < columns)
        {
            Vector512<float> v = Tail(input[k..]);
            s0 = Vector512.FusedMultiplyAdd(Tail(weights[k..columns]), v, s0);
            s1 = Vector512.FusedMultiplyAdd(Tail(weights[(k + columns)..(2 * columns)]), v, s1);
            s2 = Vector512.FusedMultiplyAdd(Tail(weights[(k + 2 * columns)..(3 * columns)]), v, s2);
            s3 = Vector512.FusedMultiplyAdd(Tail(weights[(k + 3 * columns)..(4 * columns)]), v, s3);
        }
        output[0] = Reduce(s0);
        output[1] = Reduce(s1);
        output[2] = Reduce(s2);
        output[3] = Reduce(s3);
    }

    // Four rows by four tokens: 16 sums in registers, 8 loads for 16 multiply-adds.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile4(ReadOnlySpan<float> weights, int columns, ReadOnlySpan<float> input, Span<float> output, int stride, int token, int column)
    {
        ref float w = ref MemoryMarshal.GetReference(weights);
        ref float x = ref MemoryMarshal.GetReference(input);
        nuint n = (nuint)columns;
        Vector512<float> a0 = default, a1 = default, a2 = default, a3 = default, b0 = default, b1 = default, b2 = default, b3 = default;
        Vector512<float> c0 = default, c1 = default, c2 = default, c3 = default, d0 = default, d1 = default, d2 = default, d3 = default;
        int k = 0;
        for (; k <= columns - Lanes; k += Lanes)
        {
            nuint i = (nuint)k;
            Vector512<float> w0 = Vector512.LoadUnsafe(ref w, i), w1 = Vector512.LoadUnsafe(ref w, i + n), w2 = Vector512.LoadUnsafe(ref w, i + 2 * n), w3 = Vector512.LoadUnsafe(ref w, i + 3 * n);
            Vector512<float> v = Vector512.LoadUnsafe(ref x, i);
            a0 = Vector512.FusedMultiplyAdd(w0, v, a0); a1 = Vector512.FusedMultiplyAdd(w1, v, a1); a2 = Vector512.FusedMultiplyAdd(w2, v, a2); a3 = Vector512.FusedMultiplyAdd(w3, v, a3);
            v = Vector512.LoadUnsafe(ref x, i + n);
            b0 = Vector512.FusedMultiplyAdd(w0, v, b0); b1 = Vector512.FusedMultiplyAdd(w1, v, b1); b2 = Vector512.FusedMultiplyAdd(w2, v, b2); b3 = Vector512.FusedMultiplyAdd(w3, v, b3);
            v = Vector512.LoadUnsafe(ref x, i + 2 * n);
            c0 = Vector512.FusedMultiplyAdd(w0, v, c0); c1 = Vector512.FusedMultiplyAdd(w1, v, c1); c2 = Vector512.FusedMultiplyAdd(w2, v, c2); c3 = Vector512.FusedMultiplyAdd(w3, v, c3);
            v = Vector512.LoadUnsafe(ref x, i + 3 * n);
            d0 = Vector512.FusedMultiplyAdd(w0, v, d0); d1 = Vector512.FusedMultiplyAdd(w1, v, d1); d2 = Vector512.FusedMultiplyAdd(w2, v, d2); d3 = Vector512.FusedMultiplyAdd(w3, v, d3);
        }
        if (k < columns)
        {
            Vector512<float> w0 = Tail(weights[k..columns]), w1 = Tail(weights[(k + columns)..(2 * columns)]), w2 = Tail(weights[(k + 2 * columns)..(3 * columns)]), w3 = Tail(weights[(k + 3 * columns)..(4 * columns)]);
            Vector512<float> v = Tail(input[k..columns]);
            a0 = Vector512.FusedMultiplyAdd(w0, v, a0); a1 = Vector512.FusedMultiplyAdd(w1, v, a1); a2 = Vector512.FusedMultiplyAdd(w2, v, a2); a3 = Vector512.FusedMultiplyAdd(w3, v, a3);
            v = Tail(input[(k + columns)..(2 * columns)]);
            b0 = Vector512.FusedMultiplyAdd(w0, v, b0); b1 = Vector512.FusedMultiplyAdd(w1, v, b1); b2 = Vector512.FusedMultiplyAdd(w2, v, b2); b3 = Vector512.FusedMultiplyAdd(w3, v, b3);
            v = Tail(input[(k + 2 * columns)..(3 * columns)]);
            c0 = Vector512.FusedMultiplyAdd(w0, v, c0); c1 = Vector512.FusedMultiplyAdd(w1, v, c1); c2 = Vector512.FusedMultiplyAdd(w2, v, c2); c3 = Vector512.FusedMultiplyAdd(w3, v, c3);
            v = Tail(input[(k + 3 * columns)..(4 * columns)]);
            d0 = Vector512.FusedMultiplyAdd(w0, v, d0); d1 = Vector512.FusedMultiplyAdd(w1, v, d1); d2 = Vector512.FusedMultiplyAdd(w2, v, d2); d3 = Vector512.FusedMultiplyAdd(w3, v, d3);
        }
        Store(output.Slice(token * stride + column, PanelRows), a0, a1, a2, a3);
        Store(output.Slice((token + 1) * stride + column, PanelRows), b0, b1, b2, b3);
        Store(output.Slice((token + 2) * stride + column, PanelRows), c0, c1, c2, c3);
        Store(output.Slice((token + 3) * stride + column, PanelRows), d0, d1, d2, d3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Span<float> output, Vector512<float> s0, Vector512<float> s1, Vector512<float> s2, Vector512<float> s3)
    {
        output[0] = Reduce(s0);
        output[1] = Reduce(s1);
        output[2] = Reduce(s2);
        output[3] = Reduce(s3);
    }
}
