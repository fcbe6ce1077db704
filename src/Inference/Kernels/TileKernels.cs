using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using V128Byte = System.Runtime.Intrinsics.Vector128<byte>;
using V128Float = System.Runtime.Intrinsics.Vector128<float>;
using V128Int = System.Runtime.Intrinsics.Vector128<int>;
using V128Short = System.Runtime.Intrinsics.Vector128<short>;
using V256Byte = System.Runtime.Intrinsics.Vector256<byte>;
using V256Float = System.Runtime.Intrinsics.Vector256<float>;
using V256Int = System.Runtime.Intrinsics.Vector256<int>;
using V256Short = System.Runtime.Intrinsics.Vector256<short>;
using V512Byte = System.Runtime.Intrinsics.Vector512<byte>;
using V512Float = System.Runtime.Intrinsics.Vector512<float>;
using V512Int = System.Runtime.Intrinsics.Vector512<int>;
using V512Short = System.Runtime.Intrinsics.Vector512<short>;

namespace LlmService.Inference.Kernels;

/// <summary>
/// Products of tiles with quantised activations. The whole numbers of a block are summed exactly; the blocks of a row are then added in their order, in floats, by
/// fused multiply-add. So every output has the same bits whatever the instruction set, the number of tokens and the number of threads.
/// </summary>
internal static class TileKernels
{
    /// <summary>Tokens that a kernel takes at most.</summary>
    public const int MaxTokens = 4;

    private const int Pairs = TileLayout.BlockColumns / 2, PairBytes = 2 * TileLayout.Rows, QuadBytes = 4 * TileLayout.Rows;
    private const int Q8Numbers = TileLayout.Rows * TileLayout.BlockColumns, Q4Numbers = Q8Numbers / 2, ScaleBytes = TileLayout.ScaleBytes;

    /// <summary>result[t, row] = Σ weights[row, k] input[token + t, k] for the 16 rows of a tile.</summary>
    /// <param name="path">Which implementation.</param>
    /// <param name="format">The tile's format.</param>
    /// <param name="tile">The tile.</param>
    /// <param name="input">Activations that were quantised for this format.</param>
    /// <param name="token">The first row of the input.</param>
    /// <param name="count">1 or <see cref="MaxTokens"/>.</param>
    /// <param name="result">Receives [count, 16].</param>
    public static void Multiply(KernelPath path, TileFormat format, ReadOnlySpan<byte> tile, QuantizedRows input, int token, int count, Span<float> result)
    {
        int blocks = input.Blocks;
        if (tile.Length < blocks * (TileLayout.NumberBytes(format) + TileLayout.ScaleBytes) || (count != 1 && count != MaxTokens) || result.Length < count * TileLayout.Rows)
            throw new ArgumentException($"A tile of {tile.Length} bytes, {blocks} blocks, {count} tokens and {result.Length} results do not fit.");
        ReadOnlySpan<float> scales = input.Scales.Slice(token * blocks, count * blocks);
        if (format == TileFormat.Q8)
        {
            ReadOnlySpan<short> numbers = input.Shorts.Slice(token * blocks * TileLayout.BlockColumns, count * blocks * TileLayout.BlockColumns);
            MultiplyQ8(path, tile, blocks, numbers, scales, count, result);
        }
        else
        {
            ReadOnlySpan<sbyte> numbers = input.Bytes.Slice(token * blocks * TileLayout.BlockColumns, count * blocks * TileLayout.BlockColumns);
            MultiplyQ4(path, tile, blocks, numbers, scales, input.Sums.Slice(token * blocks, count * blocks), count, result);
        }
    }

    private static void MultiplyQ8(KernelPath path, ReadOnlySpan<byte> tile, int blocks, ReadOnlySpan<short> numbers, ReadOnlySpan<float> scales, int count, Span<float> result)
    {
        ref byte weights = ref MemoryMarshal.GetReference(tile);
        ref byte x = ref Unsafe.As<short, byte>(ref MemoryMarshal.GetReference(numbers));
        ref float s = ref MemoryMarshal.GetReference(scales);
        ref float to = ref MemoryMarshal.GetReference(result);
        switch (path, count)
        {
            case (KernelPath.Avx512, 1): Q8Tile1<Avx512Lanes, V512Short, V512Byte, V512Int, V512Float>(ref weights, blocks, ref x, ref s, ref to); break;
            case (KernelPath.Avx512, _): Q8Tile4<Avx512Lanes, V512Short, V512Byte, V512Int, V512Float>(ref weights, blocks, ref x, ref s, ref to); break;
            case (KernelPath.Avx2, 1): Q8Tile1<Avx2Lanes, V256Short, V256Byte, V256Int, V256Float>(ref weights, blocks, ref x, ref s, ref to); break;
            case (KernelPath.Avx2, _): Q8Tile4<Avx2Lanes, V256Short, V256Byte, V256Int, V256Float>(ref weights, blocks, ref x, ref s, ref to); break;
            case (KernelPath.Vector128, 1): Q8Tile1<Vector128Lanes, V128Short, V128Byte, V128Int, V128Float>(ref weights, blocks, ref x, ref s, ref to); break;
            case (KernelPath.Vector128, _): Q8Tile4<Vector128Lanes, V128Short, V128Byte, V128Int, V128Float>(ref weights, blocks, ref x, ref s, ref to); break;
            case (KernelPath.Scalar, 1): Q8Tile1<ScalarLanes, (int, int), uint, int, float>(ref weights, blocks, ref x, ref s, ref to); break;
            case (KernelPath.Scalar, _): Q8Tile4<ScalarLanes, (int, int), uint, int, float>(ref weights, blocks, ref x, ref s, ref to); break;
            default: throw new InvalidOperationException($"unknown path {path}");
        }
    }

    private static void MultiplyQ4(
        KernelPath path, ReadOnlySpan<byte> tile, int blocks, ReadOnlySpan<sbyte> numbers, ReadOnlySpan<float> scales, ReadOnlySpan<int> sums, int count, Span<float> result)
    {
        ref byte weights = ref MemoryMarshal.GetReference(tile);
        ref byte x = ref Unsafe.As<sbyte, byte>(ref MemoryMarshal.GetReference(numbers));
        ref float s = ref MemoryMarshal.GetReference(scales);
        ref int less = ref MemoryMarshal.GetReference(sums);
        ref float to = ref MemoryMarshal.GetReference(result);
        switch (path, count)
        {
            case (KernelPath.Avx512, 1): Q4Tile1<Avx512Lanes, V512Short, V512Byte, V512Int, V512Float>(ref weights, blocks, ref x, ref s, ref less, ref to); break;
            case (KernelPath.Avx512, _): Q4Tile4<Avx512Lanes, V512Short, V512Byte, V512Int, V512Float>(ref weights, blocks, ref x, ref s, ref less, ref to); break;
            case (KernelPath.Avx2, 1): Q4Tile1<Avx2Lanes, V256Short, V256Byte, V256Int, V256Float>(ref weights, blocks, ref x, ref s, ref less, ref to); break;
            case (KernelPath.Avx2, _): Q4Tile4<Avx2Lanes, V256Short, V256Byte, V256Int, V256Float>(ref weights, blocks, ref x, ref s, ref less, ref to); break;
            case (KernelPath.Vector128, 1): Q4Tile1<Vector128Lanes, V128Short, V128Byte, V128Int, V128Float>(ref weights, blocks, ref x, ref s, ref less, ref to); break;
            case (KernelPath.Vector128, _): Q4Tile4<Vector128Lanes, V128Short, V128Byte, V128Int, V128Float>(ref weights, blocks, ref x, ref s, ref less, ref to); break;
            case (KernelPath.Scalar, 1): Q4Tile1<ScalarLanes, (int, int), uint, int, float>(ref weights, blocks, ref x, ref s, ref less, ref to); break;
            case (KernelPath.Scalar, _): Q4Tile4<ScalarLanes, (int, int), uint, int, float>(ref weights, blocks, ref x, ref s, ref less, ref to); break;
            default: throw new InvalidOperationException($"unknown path {path}");
        }
    }

    // Every kernel reads blocks · (numbers + scales) of the tile and, for each token, blocks · 32 numbers and blocks scales; the callers have cut the spans to that.
    // A block is read once, by all groups of rows, so that the memory is read in one stream. A group begins two bytes a row into each pair of columns (four into
    // each four), and two into the scales. The sums stay in registers where one group is the whole tile, else in the result.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Q8Tile1<TLanes, TShorts, TBytes, TInts, TFloats>(ref byte weights, int blocks, ref byte x, ref float scales, ref float result)
        where TLanes : struct, ILanes<TShorts, TBytes, TInts, TFloats>
        where TInts : struct
        where TFloats : struct
    {
        TFloats whole = default;
        ref byte scaleStart = ref Unsafe.Add(ref weights, blocks * Q8Numbers);
        for (int b = 0; b < blocks; b++)
        {
            for (int group = 0; group < TileLayout.Rows; group += TLanes.Rows)
            {
                TInts dot = default;
                ref byte w = ref Unsafe.Add(ref weights, group * 2);
                for (nint pair = 0; pair < Pairs; pair += 4)
                {
                    dot = TLanes.AddProducts(dot, TLanes.Widen(ref Unsafe.AddByteOffset(ref w, pair * PairBytes)), Read(ref x, pair * 4));
                    dot = TLanes.AddProducts(dot, TLanes.Widen(ref Unsafe.AddByteOffset(ref w, (pair * PairBytes) + PairBytes)), Read(ref x, (pair * 4) + 4));
                    dot = TLanes.AddProducts(dot, TLanes.Widen(ref Unsafe.AddByteOffset(ref w, (pair * PairBytes) + (2 * PairBytes))), Read(ref x, (pair * 4) + 8));
                    dot = TLanes.AddProducts(dot, TLanes.Widen(ref Unsafe.AddByteOffset(ref w, (pair * PairBytes) + (3 * PairBytes))), Read(ref x, (pair * 4) + 12));
                }
                TFloats scale = TLanes.LoadScales(ref Unsafe.Add(ref scaleStart, group * 2));
                AddTo<TLanes, TShorts, TBytes, TInts, TFloats>(ref whole, ref Unsafe.Add(ref result, group), dot, scale, scales, b);
            }
            weights = ref Unsafe.Add(ref weights, Q8Numbers);
            scaleStart = ref Unsafe.Add(ref scaleStart, ScaleBytes);
            x = ref Unsafe.Add(ref x, TileLayout.BlockColumns * sizeof(short));
            scales = ref Unsafe.Add(ref scales, 1);
        }
        if (TLanes.Rows == TileLayout.Rows)
            TLanes.Store(whole, ref result);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Q8Tile4<TLanes, TShorts, TBytes, TInts, TFloats>(ref byte weights, int blocks, ref byte x, ref float scales, ref float result)
        where TLanes : struct, ILanes<TShorts, TBytes, TInts, TFloats>
        where TInts : struct
        where TFloats : struct
    {
        nint stride = blocks * TileLayout.BlockColumns * sizeof(short);
        TFloats whole0 = default, whole1 = default, whole2 = default, whole3 = default;
        ref byte scaleStart = ref Unsafe.Add(ref weights, blocks * Q8Numbers);
        ref byte x0 = ref x, x1 = ref Unsafe.AddByteOffset(ref x, stride), x2 = ref Unsafe.AddByteOffset(ref x, 2 * stride), x3 = ref Unsafe.AddByteOffset(ref x, 3 * stride);
        nint at = 0;
        for (int b = 0; b < blocks; b++)
        {
            for (int group = 0; group < TileLayout.Rows; group += TLanes.Rows)
            {
                TInts dot0 = default, dot1 = default, dot2 = default, dot3 = default;
                ref byte w = ref Unsafe.Add(ref weights, group * 2);
                ref byte end = ref Unsafe.Add(ref w, Q8Numbers);
                nint i = at;
                do
                {
                    TShorts wide = TLanes.Widen(ref w);
                    dot0 = TLanes.AddProducts(dot0, wide, Read(ref x0, i));
                    dot1 = TLanes.AddProducts(dot1, wide, Read(ref x1, i));
                    dot2 = TLanes.AddProducts(dot2, wide, Read(ref x2, i));
                    dot3 = TLanes.AddProducts(dot3, wide, Read(ref x3, i));
                    wide = TLanes.Widen(ref Unsafe.Add(ref w, PairBytes));
                    dot0 = TLanes.AddProducts(dot0, wide, Read(ref x0, i + 4));
                    dot1 = TLanes.AddProducts(dot1, wide, Read(ref x1, i + 4));
                    dot2 = TLanes.AddProducts(dot2, wide, Read(ref x2, i + 4));
                    dot3 = TLanes.AddProducts(dot3, wide, Read(ref x3, i + 4));
                    w = ref Unsafe.Add(ref w, 2 * PairBytes);
                    i += 8;
                }
                while (Unsafe.IsAddressLessThan(ref w, ref end));
                TFloats scale = TLanes.LoadScales(ref Unsafe.Add(ref scaleStart, group * 2));
                ref float to = ref Unsafe.Add(ref result, group);
                AddTo<TLanes, TShorts, TBytes, TInts, TFloats>(ref whole0, ref to, dot0, scale, Unsafe.Add(ref scales, b), b);
                AddTo<TLanes, TShorts, TBytes, TInts, TFloats>(ref whole1, ref Unsafe.Add(ref to, TileLayout.Rows), dot1, scale, Unsafe.Add(ref scales, blocks + b), b);
                AddTo<TLanes, TShorts, TBytes, TInts, TFloats>(ref whole2, ref Unsafe.Add(ref to, 2 * TileLayout.Rows), dot2, scale, Unsafe.Add(ref scales, 2 * blocks + b), b);
                AddTo<TLanes, TShorts, TBytes, TInts, TFloats>(ref whole3, ref Unsafe.Add(ref to, 3 * TileLayout.Rows), dot3, scale, Unsafe.Add(ref scales, 3 * blocks + b), b);
            }
            weights = ref Unsafe.Add(ref weights, Q8Numbers);
            scaleStart = ref Unsafe.Add(ref scaleStart, ScaleBytes);
            at += TileLayout.BlockColumns * sizeof(short);
        }
        Store<TLanes, TShorts, TBytes, TInts, TFloats>(ref result, whole0, whole1, whole2, whole3);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Q4Tile1<TLanes, TShorts, TBytes, TInts, TFloats>(ref byte weights, int blocks, ref byte x, ref float scales, ref int less, ref float result)
        where TLanes : struct, ILanes<TShorts, TBytes, TInts, TFloats>
        where TInts : struct
        where TFloats : struct
    {
        TFloats whole = default;
        ref byte scaleStart = ref Unsafe.Add(ref weights, blocks * Q4Numbers);
        for (int b = 0; b < blocks; b++)
        {
            for (int group = 0; group < TileLayout.Rows; group += TLanes.Rows)
            {
                ref byte w = ref Unsafe.Add(ref weights, group * 4);
                TBytes packed = TLanes.Load(ref w);
                TShorts even = TLanes.Products(TLanes.LowNibbles(packed), Read(ref x, 0)), odd = TLanes.Products(TLanes.HighNibbles(packed), Read(ref x, 16));
                packed = TLanes.Load(ref Unsafe.Add(ref w, QuadBytes));
                even = TLanes.Add(even, TLanes.Products(TLanes.LowNibbles(packed), Read(ref x, 4)));
                odd = TLanes.Add(odd, TLanes.Products(TLanes.HighNibbles(packed), Read(ref x, 20)));
                packed = TLanes.Load(ref Unsafe.Add(ref w, 2 * QuadBytes));
                even = TLanes.Add(even, TLanes.Products(TLanes.LowNibbles(packed), Read(ref x, 8)));
                odd = TLanes.Add(odd, TLanes.Products(TLanes.HighNibbles(packed), Read(ref x, 24)));
                packed = TLanes.Load(ref Unsafe.Add(ref w, 3 * QuadBytes));
                even = TLanes.Add(even, TLanes.Products(TLanes.LowNibbles(packed), Read(ref x, 12)));
                odd = TLanes.Add(odd, TLanes.Products(TLanes.HighNibbles(packed), Read(ref x, 28)));
                TFloats scale = TLanes.LoadScales(ref Unsafe.Add(ref scaleStart, group * 2));
                AddTo<TLanes, TShorts, TBytes, TInts, TFloats>(ref whole, ref Unsafe.Add(ref result, group), TLanes.SumLess(TLanes.Add(even, odd), less), scale, scales, b);
            }
            weights = ref Unsafe.Add(ref weights, Q4Numbers);
            scaleStart = ref Unsafe.Add(ref scaleStart, ScaleBytes);
            x = ref Unsafe.Add(ref x, TileLayout.BlockColumns);
            scales = ref Unsafe.Add(ref scales, 1);
            less = ref Unsafe.Add(ref less, 1);
        }
        if (TLanes.Rows == TileLayout.Rows)
            TLanes.Store(whole, ref result);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Q4Tile4<TLanes, TShorts, TBytes, TInts, TFloats>(ref byte weights, int blocks, ref byte x, ref float scales, ref int less, ref float result)
        where TLanes : struct, ILanes<TShorts, TBytes, TInts, TFloats>
        where TInts : struct
        where TFloats : struct
    {
        nint stride = blocks * TileLayout.BlockColumns;
        TFloats whole0 = default, whole1 = default, whole2 = default, whole3 = default;
        ref byte scaleStart = ref Unsafe.Add(ref weights, blocks * Q4Numbers);
        for (int b = 0; b < blocks; b++)
        {
            for (int group = 0; group < TileLayout.Rows; group += TLanes.Rows)
            {
                ref byte w = ref Unsafe.Add(ref weights, group * 4);
                TBytes p0 = TLanes.Load(ref w), p1 = TLanes.Load(ref Unsafe.Add(ref w, QuadBytes));
                TBytes p2 = TLanes.Load(ref Unsafe.Add(ref w, 2 * QuadBytes)), p3 = TLanes.Load(ref Unsafe.Add(ref w, 3 * QuadBytes));
                TBytes w0 = TLanes.LowNibbles(p0), w1 = TLanes.LowNibbles(p1), w2 = TLanes.LowNibbles(p2), w3 = TLanes.LowNibbles(p3);
                TBytes w4 = TLanes.HighNibbles(p0), w5 = TLanes.HighNibbles(p1), w6 = TLanes.HighNibbles(p2), w7 = TLanes.HighNibbles(p3);
                TFloats scale = TLanes.LoadScales(ref Unsafe.Add(ref scaleStart, group * 2));
                ref float to = ref Unsafe.Add(ref result, group);
                TInts dot = Dot<TLanes, TShorts, TBytes, TInts, TFloats>(w0, w1, w2, w3, w4, w5, w6, w7, ref x, Unsafe.Add(ref less, b));
                AddTo<TLanes, TShorts, TBytes, TInts, TFloats>(ref whole0, ref to, dot, scale, Unsafe.Add(ref scales, b), b);
                dot = Dot<TLanes, TShorts, TBytes, TInts, TFloats>(w0, w1, w2, w3, w4, w5, w6, w7, ref Unsafe.AddByteOffset(ref x, stride), Unsafe.Add(ref less, blocks + b));
                AddTo<TLanes, TShorts, TBytes, TInts, TFloats>(ref whole1, ref Unsafe.Add(ref to, TileLayout.Rows), dot, scale, Unsafe.Add(ref scales, blocks + b), b);
                dot = Dot<TLanes, TShorts, TBytes, TInts, TFloats>(w0, w1, w2, w3, w4, w5, w6, w7, ref Unsafe.AddByteOffset(ref x, 2 * stride), Unsafe.Add(ref less, 2 * blocks + b));
                AddTo<TLanes, TShorts, TBytes, TInts, TFloats>(ref whole2, ref Unsafe.Add(ref to, 2 * TileLayout.Rows), dot, scale, Unsafe.Add(ref scales, 2 * blocks + b), b);
                dot = Dot<TLanes, TShorts, TBytes, TInts, TFloats>(w0, w1, w2, w3, w4, w5, w6, w7, ref Unsafe.AddByteOffset(ref x, 3 * stride), Unsafe.Add(ref less, 3 * blocks + b));
                AddTo<TLanes, TShorts, TBytes, TInts, TFloats>(ref whole3, ref Unsafe.Add(ref to, 3 * TileLayout.Rows), dot, scale, Unsafe.Add(ref scales, 3 * blocks + b), b);
            }
            weights = ref Unsafe.Add(ref weights, Q4Numbers);
            scaleStart = ref Unsafe.Add(ref scaleStart, ScaleBytes);
            x = ref Unsafe.Add(ref x, TileLayout.BlockColumns);
        }
        Store<TLanes, TShorts, TBytes, TInts, TFloats>(ref result, whole0, whole1, whole2, whole3);
    }

    /// <summary>Adds the scaled product of a block to the sums: those in the register where a group is the whole tile, else those in the result, which begin with the first block.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddTo<TLanes, TShorts, TBytes, TInts, TFloats>(ref TFloats whole, ref float result, TInts dot, TFloats scale, float factor, int block)
        where TLanes : struct, ILanes<TShorts, TBytes, TInts, TFloats>
        where TFloats : struct
    {
        if (TLanes.Rows == TileLayout.Rows)
            whole = TLanes.AddScaled(whole, dot, scale, factor);
        else
            TLanes.Store(TLanes.AddScaled(block == 0 ? default : TLanes.LoadSums(ref result), dot, scale, factor), ref result);
    }

    /// <summary>The whole-number product of a block: eight products of bytes fit 16 bits, 8 · 2 · 15 · 127 = 30480.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TInts Dot<TLanes, TShorts, TBytes, TInts, TFloats>(
        TBytes w0, TBytes w1, TBytes w2, TBytes w3, TBytes w4, TBytes w5, TBytes w6, TBytes w7, ref byte numbers, int less)
        where TLanes : struct, ILanes<TShorts, TBytes, TInts, TFloats>
    {
        TShorts even = TLanes.Add(TLanes.Products(w0, Read(ref numbers, 0)), TLanes.Products(w1, Read(ref numbers, 4)));
        TShorts odd = TLanes.Add(TLanes.Products(w2, Read(ref numbers, 8)), TLanes.Products(w3, Read(ref numbers, 12)));
        even = TLanes.Add(even, TLanes.Products(w4, Read(ref numbers, 16)));
        odd = TLanes.Add(odd, TLanes.Products(w5, Read(ref numbers, 20)));
        even = TLanes.Add(even, TLanes.Products(w6, Read(ref numbers, 24)));
        odd = TLanes.Add(odd, TLanes.Products(w7, Read(ref numbers, 28)));
        return TLanes.SumLess(TLanes.Add(even, odd), less);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<TLanes, TShorts, TBytes, TInts, TFloats>(ref float result, TFloats sum0, TFloats sum1, TFloats sum2, TFloats sum3)
        where TLanes : struct, ILanes<TShorts, TBytes, TInts, TFloats>
    {
        if (TLanes.Rows != TileLayout.Rows)
            return;
        TLanes.Store(sum0, ref result);
        TLanes.Store(sum1, ref Unsafe.Add(ref result, TileLayout.Rows));
        TLanes.Store(sum2, ref Unsafe.Add(ref result, 2 * TileLayout.Rows));
        TLanes.Store(sum3, ref Unsafe.Add(ref result, 3 * TileLayout.Rows));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Read(ref byte source, nint offset) => Unsafe.ReadUnaligned<int>(ref Unsafe.AddByteOffset(ref source, offset));
}
