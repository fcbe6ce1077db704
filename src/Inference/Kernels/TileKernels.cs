using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using LlmService.Inference.Kernels.Emitted;
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
    /// <summary>Tokens that a kernel of the intrinsics takes at most.</summary>
    public const int MaxTokens = 4;

    private const int Fours = TileLayout.BlockColumns / 4, FourBytes = 4 * TileLayout.StripRows, OddNumbers = TileLayout.BlockColumns;

    // A strip's numbers, all numbers of a block, and the block.
    private const int Q8Strip = TileLayout.StripRows * TileLayout.BlockColumns, Q8Numbers = TileLayout.Strips * Q8Strip, Q8Block = Q8Numbers + TileLayout.ScaleBytes;
    private const int Q4Strip = Q8Strip / 2, Q4Numbers = Q8Numbers / 2, Q4Block = Q4Numbers + TileLayout.ScaleBytes;

    // Numbers of activations: shorts for Q8, bytes for Q4.
    private const int ShortBlock = TileLayout.BlockColumns * sizeof(short), ByteBlock = TileLayout.BlockColumns;

    /// <summary>result[t, tile · 32 + row] = Σ weights[tile, row, k] input[t, k] for the rows of some tiles that follow each other, and the tokens of some groups.</summary>
    /// <param name="path">Which implementation.</param>
    /// <param name="format">The tiles' format.</param>
    /// <param name="tiles">The tiles.</param>
    /// <param name="tileBytes">Bytes of each.</param>
    /// <param name="input">Activations that were quantised for this format and path.</param>
    /// <param name="firstGroup">The first of their groups.</param>
    /// <param name="groups">How many of them.</param>
    /// <param name="result">Receives [tokens of the groups, stride], of which 32 a tile are written.</param>
    /// <param name="stride">Floats from one token's results to the next one's.</param>
    public static void Multiply(
        KernelPath path, TileFormat format, ReadOnlySpan<byte> tiles, int tileBytes, QuantizedRows input, int firstGroup, int groups, Span<float> result, int stride)
    {
        int blocks = input.Blocks;
        if (path == KernelPath.Avx512Vnni)
        {
            // All groups but the last have one size.
            for (int group = firstGroup, end = firstGroup + groups, together; group < end; group += together)
            {
                int width = input.Width(group);
                together = end - group - (input.Width(end - 1) == width ? 0 : 1);
                Span<float> to = result[((input.First(group) - input.First(firstGroup)) * stride)..];
                VnniKernels.Multiply(format, tiles, tileBytes, blocks, input.Numbers(group, together), input.Factors(group, together), width, together, to, stride);
            }
            return;
        }
        Span<float> sums = stackalloc float[MaxTokens * TileLayout.Rows];
        for (int group = firstGroup; group < firstGroup + groups; group++)
        {
            int tokens = input.Tokens(group), first = input.First(group) - input.First(firstGroup);
            for (int tile = 0; tile < tiles.Length / tileBytes; tile++)
            {
                Multiply(path, format, tiles.Slice(tile * tileBytes, tileBytes), blocks, input.Numbers(group), input.Factors(group), input.Width(group), sums);
                for (int token = 0; token < tokens; token++)
                    sums.Slice(token * TileLayout.Rows, TileLayout.Rows).CopyTo(result[((first + token) * stride + tile * TileLayout.Rows)..]);
            }
        }
    }

    private static void Multiply(KernelPath path, TileFormat format, ReadOnlySpan<byte> tile, int blocks, ReadOnlySpan<byte> numbers, ReadOnlySpan<int> factors, int count, Span<float> result)
    {
        int numberBytes = format == TileFormat.Q8 ? ShortBlock : ByteBlock;
        if (tile.Length < blocks * TileLayout.BlockBytes(format) || (count != 1 && count != MaxTokens) || result.Length < count * TileLayout.Rows
            || numbers.Length < blocks * count * numberBytes || factors.Length < 2 * blocks * count)
            throw new ArgumentException($"A tile of {tile.Length} bytes, {blocks} blocks, {count} tokens and {result.Length} results do not fit.");
        ref byte weights = ref MemoryMarshal.GetReference(tile);
        ref byte x = ref MemoryMarshal.GetReference(numbers);
        ref int f = ref MemoryMarshal.GetReference(factors);
        ref float to = ref MemoryMarshal.GetReference(result);
        switch (path)
        {
            case KernelPath.Avx512: Multiply<Avx512Lanes, V512Short, V512Byte, V512Int, V512Float>(format, ref weights, blocks, ref x, ref f, count, ref to); break;
            case KernelPath.Avx2: Multiply<Avx2Lanes, V256Short, V256Byte, V256Int, V256Float>(format, ref weights, blocks, ref x, ref f, count, ref to); break;
            case KernelPath.Vector128: Multiply<Vector128Lanes, V128Short, V128Byte, V128Int, V128Float>(format, ref weights, blocks, ref x, ref f, count, ref to); break;
            case KernelPath.Scalar: Multiply<ScalarLanes, (int, int), uint, int, float>(format, ref weights, blocks, ref x, ref f, count, ref to); break;
            default: throw new InvalidOperationException($"unknown path {path}");
        }
    }

    private static void Multiply<TLanes, TShorts, TBytes, TInts, TFloats>(TileFormat format, ref byte weights, int blocks, ref byte x, ref int factors, int count, ref float result)
        where TLanes : struct, ILanes<TShorts, TBytes, TInts, TFloats>
        where TInts : struct
        where TFloats : struct
    {
        switch (format, count)
        {
            case (TileFormat.Q8, 1): Q8Tile1<TLanes, TShorts, TBytes, TInts, TFloats>(ref weights, blocks, ref x, ref factors, ref result); break;
            case (TileFormat.Q8, _): Q8Tile4<TLanes, TShorts, TBytes, TInts, TFloats>(ref weights, blocks, ref x, ref factors, ref result); break;
            case (TileFormat.Q4, 1): Q4Tile1<TLanes, TShorts, TBytes, TInts, TFloats>(ref weights, blocks, ref x, ref factors, ref result); break;
            case (TileFormat.Q4, _): Q4Tile4<TLanes, TShorts, TBytes, TInts, TFloats>(ref weights, blocks, ref x, ref factors, ref result); break;
            default: throw new InvalidOperationException($"unknown format {format}");
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch(ref byte block, int bytes)
    {
        for (nint line = 0; line < bytes; line += CacheLines.Bytes)
            CacheLines.Prefetch(ref Unsafe.AddByteOffset(ref block, TileLayout.AheadBytes + line));
    }

    // Every kernel reads the blocks of the tile and, for each block and token, 32 numbers and two factors; the callers have checked the spans for that.
    // A block is read once, by all groups of rows, so that the memory is read in one stream. The sums stay in the result.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Q8Tile1<TLanes, TShorts, TBytes, TInts, TFloats>(ref byte weights, int blocks, ref byte x, ref int factors, ref float result)
        where TLanes : struct, ILanes<TShorts, TBytes, TInts, TFloats>
        where TInts : struct
        where TFloats : struct
    {
        for (int b = 0; b < blocks; b++)
        {
            Prefetch(ref weights, Q8Block);
            for (int group = 0; group < TileLayout.Rows; group += TLanes.Rows)
            {
                TInts even = TLanes.Create(Unsafe.Add(ref factors, 1)), odd = default;
                ref byte w = ref Unsafe.Add(ref weights, StartOf(group, Q8Strip));
                for (nint four = 0; four < Fours; four += 2)
                {
                    TBytes bytes = TLanes.Load(ref Unsafe.AddByteOffset(ref w, four * FourBytes));
                    even = TLanes.AddProducts(even, TLanes.Even(bytes), Read(ref x, four * 4));
                    odd = TLanes.AddProducts(odd, TLanes.Odd(bytes), Read(ref x, four * 4 + OddNumbers));
                    bytes = TLanes.Load(ref Unsafe.AddByteOffset(ref w, four * FourBytes + FourBytes));
                    even = TLanes.AddProducts(even, TLanes.Even(bytes), Read(ref x, four * 4 + 4));
                    odd = TLanes.AddProducts(odd, TLanes.Odd(bytes), Read(ref x, four * 4 + 4 + OddNumbers));
                }
                TFloats scale = TLanes.LoadScales(ref Unsafe.Add(ref weights, Q8Numbers + group * sizeof(ushort)));
                AddTo<TLanes, TShorts, TBytes, TInts, TFloats>(ref Unsafe.Add(ref result, group), TLanes.Add(even, odd), scale, Float(ref factors, 0), b);
            }
            weights = ref Unsafe.Add(ref weights, Q8Block);
            x = ref Unsafe.Add(ref x, ShortBlock);
            factors = ref Unsafe.Add(ref factors, 2);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Q8Tile4<TLanes, TShorts, TBytes, TInts, TFloats>(ref byte weights, int blocks, ref byte x, ref int factors, ref float result)
        where TLanes : struct, ILanes<TShorts, TBytes, TInts, TFloats>
        where TInts : struct
        where TFloats : struct
    {
        for (int b = 0; b < blocks; b++)
        {
            Prefetch(ref weights, Q8Block);
            for (int group = 0; group < TileLayout.Rows; group += TLanes.Rows)
            {
                TInts dot0 = TLanes.Create(Unsafe.Add(ref factors, 4)), dot1 = TLanes.Create(Unsafe.Add(ref factors, 5));
                TInts dot2 = TLanes.Create(Unsafe.Add(ref factors, 6)), dot3 = TLanes.Create(Unsafe.Add(ref factors, 7));
                ref byte w = ref Unsafe.Add(ref weights, StartOf(group, Q8Strip));
                for (nint four = 0; four < Fours; four++)
                {
                    TBytes bytes = TLanes.Load(ref Unsafe.AddByteOffset(ref w, four * FourBytes));
                    TShorts half = TLanes.Even(bytes);
                    ref byte numbers = ref Unsafe.AddByteOffset(ref x, four * 4);
                    dot0 = TLanes.AddProducts(dot0, half, Read(ref numbers, 0));
                    dot1 = TLanes.AddProducts(dot1, half, Read(ref numbers, ShortBlock));
                    dot2 = TLanes.AddProducts(dot2, half, Read(ref numbers, 2 * ShortBlock));
                    dot3 = TLanes.AddProducts(dot3, half, Read(ref numbers, 3 * ShortBlock));
                    half = TLanes.Odd(bytes);
                    dot0 = TLanes.AddProducts(dot0, half, Read(ref numbers, OddNumbers));
                    dot1 = TLanes.AddProducts(dot1, half, Read(ref numbers, ShortBlock + OddNumbers));
                    dot2 = TLanes.AddProducts(dot2, half, Read(ref numbers, 2 * ShortBlock + OddNumbers));
                    dot3 = TLanes.AddProducts(dot3, half, Read(ref numbers, 3 * ShortBlock + OddNumbers));
                }
                TFloats scale = TLanes.LoadScales(ref Unsafe.Add(ref weights, Q8Numbers + group * sizeof(ushort)));
                ref float to = ref Unsafe.Add(ref result, group);
                AddTo<TLanes, TShorts, TBytes, TInts, TFloats>(ref to, dot0, scale, Float(ref factors, 0), b);
                AddTo<TLanes, TShorts, TBytes, TInts, TFloats>(ref Unsafe.Add(ref to, TileLayout.Rows), dot1, scale, Float(ref factors, 1), b);
                AddTo<TLanes, TShorts, TBytes, TInts, TFloats>(ref Unsafe.Add(ref to, 2 * TileLayout.Rows), dot2, scale, Float(ref factors, 2), b);
                AddTo<TLanes, TShorts, TBytes, TInts, TFloats>(ref Unsafe.Add(ref to, 3 * TileLayout.Rows), dot3, scale, Float(ref factors, 3), b);
            }
            weights = ref Unsafe.Add(ref weights, Q8Block);
            x = ref Unsafe.Add(ref x, MaxTokens * ShortBlock);
            factors = ref Unsafe.Add(ref factors, 2 * MaxTokens);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Q4Tile1<TLanes, TShorts, TBytes, TInts, TFloats>(ref byte weights, int blocks, ref byte x, ref int factors, ref float result)
        where TLanes : struct, ILanes<TShorts, TBytes, TInts, TFloats>
        where TInts : struct
        where TFloats : struct
    {
        for (int b = 0; b < blocks; b++)
        {
            Prefetch(ref weights, Q4Block);
            for (int group = 0; group < TileLayout.Rows; group += TLanes.Rows)
            {
                ref byte w = ref Unsafe.Add(ref weights, StartOf(group, Q4Strip));
                TBytes packed = TLanes.Load(ref w);
                TShorts even = TLanes.Products(TLanes.LowNibbles(packed), Read(ref x, 0)), odd = TLanes.Products(TLanes.HighNibbles(packed), Read(ref x, 16));
                packed = TLanes.Load(ref Unsafe.Add(ref w, FourBytes));
                even = TLanes.Add(even, TLanes.Products(TLanes.LowNibbles(packed), Read(ref x, 4)));
                odd = TLanes.Add(odd, TLanes.Products(TLanes.HighNibbles(packed), Read(ref x, 20)));
                packed = TLanes.Load(ref Unsafe.Add(ref w, 2 * FourBytes));
                even = TLanes.Add(even, TLanes.Products(TLanes.LowNibbles(packed), Read(ref x, 8)));
                odd = TLanes.Add(odd, TLanes.Products(TLanes.HighNibbles(packed), Read(ref x, 24)));
                packed = TLanes.Load(ref Unsafe.Add(ref w, 3 * FourBytes));
                even = TLanes.Add(even, TLanes.Products(TLanes.LowNibbles(packed), Read(ref x, 12)));
                odd = TLanes.Add(odd, TLanes.Products(TLanes.HighNibbles(packed), Read(ref x, 28)));
                TFloats scale = TLanes.LoadScales(ref Unsafe.Add(ref weights, Q4Numbers + group * sizeof(ushort)));
                TInts dot = TLanes.AddPairs(TLanes.Create(Unsafe.Add(ref factors, 1)), TLanes.Add(even, odd));
                AddTo<TLanes, TShorts, TBytes, TInts, TFloats>(ref Unsafe.Add(ref result, group), dot, scale, Float(ref factors, 0), b);
            }
            weights = ref Unsafe.Add(ref weights, Q4Block);
            x = ref Unsafe.Add(ref x, ByteBlock);
            factors = ref Unsafe.Add(ref factors, 2);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Q4Tile4<TLanes, TShorts, TBytes, TInts, TFloats>(ref byte weights, int blocks, ref byte x, ref int factors, ref float result)
        where TLanes : struct, ILanes<TShorts, TBytes, TInts, TFloats>
        where TInts : struct
        where TFloats : struct
    {
        for (int b = 0; b < blocks; b++)
        {
            Prefetch(ref weights, Q4Block);
            for (int group = 0; group < TileLayout.Rows; group += TLanes.Rows)
            {
                ref byte w = ref Unsafe.Add(ref weights, StartOf(group, Q4Strip));
                TBytes packed0 = TLanes.Load(ref w), packed1 = TLanes.Load(ref Unsafe.Add(ref w, FourBytes));
                TBytes packed2 = TLanes.Load(ref Unsafe.Add(ref w, 2 * FourBytes)), packed3 = TLanes.Load(ref Unsafe.Add(ref w, 3 * FourBytes));
                TBytes w0 = TLanes.LowNibbles(packed0), w1 = TLanes.LowNibbles(packed1), w2 = TLanes.LowNibbles(packed2), w3 = TLanes.LowNibbles(packed3);
                TBytes w4 = TLanes.HighNibbles(packed0), w5 = TLanes.HighNibbles(packed1), w6 = TLanes.HighNibbles(packed2), w7 = TLanes.HighNibbles(packed3);
                TFloats scale = TLanes.LoadScales(ref Unsafe.Add(ref weights, Q4Numbers + group * sizeof(ushort)));
                ref float to = ref Unsafe.Add(ref result, group);
                TInts dot = Dot<TLanes, TShorts, TBytes, TInts, TFloats>(w0, w1, w2, w3, w4, w5, w6, w7, ref x, Unsafe.Add(ref factors, 4));
                AddTo<TLanes, TShorts, TBytes, TInts, TFloats>(ref to, dot, scale, Float(ref factors, 0), b);
                dot = Dot<TLanes, TShorts, TBytes, TInts, TFloats>(w0, w1, w2, w3, w4, w5, w6, w7, ref Unsafe.Add(ref x, ByteBlock), Unsafe.Add(ref factors, 5));
                AddTo<TLanes, TShorts, TBytes, TInts, TFloats>(ref Unsafe.Add(ref to, TileLayout.Rows), dot, scale, Float(ref factors, 1), b);
                dot = Dot<TLanes, TShorts, TBytes, TInts, TFloats>(w0, w1, w2, w3, w4, w5, w6, w7, ref Unsafe.Add(ref x, 2 * ByteBlock), Unsafe.Add(ref factors, 6));
                AddTo<TLanes, TShorts, TBytes, TInts, TFloats>(ref Unsafe.Add(ref to, 2 * TileLayout.Rows), dot, scale, Float(ref factors, 2), b);
                dot = Dot<TLanes, TShorts, TBytes, TInts, TFloats>(w0, w1, w2, w3, w4, w5, w6, w7, ref Unsafe.Add(ref x, 3 * ByteBlock), Unsafe.Add(ref factors, 7));
                AddTo<TLanes, TShorts, TBytes, TInts, TFloats>(ref Unsafe.Add(ref to, 3 * TileLayout.Rows), dot, scale, Float(ref factors, 3), b);
            }
            weights = ref Unsafe.Add(ref weights, Q4Block);
            x = ref Unsafe.Add(ref x, MaxTokens * ByteBlock);
            factors = ref Unsafe.Add(ref factors, 2 * MaxTokens);
        }
    }

    /// <summary>Where a group of rows begins in the numbers of a block: four bytes a row into each four columns of its strip.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int StartOf(int group, int stripBytes) => group / TileLayout.StripRows * stripBytes + group % TileLayout.StripRows * 4;

    /// <summary>Adds the scaled product of a block to the sums, which begin with the first block.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddTo<TLanes, TShorts, TBytes, TInts, TFloats>(ref float result, TInts dot, TFloats scale, float factor, int block)
        where TLanes : struct, ILanes<TShorts, TBytes, TInts, TFloats>
        where TFloats : struct =>
        TLanes.Store(TLanes.AddScaled(block == 0 ? default : TLanes.LoadSums(ref result), dot, scale, factor), ref result);

    /// <summary>The whole-number product of a block: eight products of bytes fit 16 bits, 8 · 2 · 15 · 127 = 30480.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TInts Dot<TLanes, TShorts, TBytes, TInts, TFloats>(
        TBytes w0, TBytes w1, TBytes w2, TBytes w3, TBytes w4, TBytes w5, TBytes w6, TBytes w7, ref byte numbers, int start)
        where TLanes : struct, ILanes<TShorts, TBytes, TInts, TFloats>
    {
        TShorts even = TLanes.Add(TLanes.Products(w0, Read(ref numbers, 0)), TLanes.Products(w1, Read(ref numbers, 4)));
        TShorts odd = TLanes.Add(TLanes.Products(w2, Read(ref numbers, 8)), TLanes.Products(w3, Read(ref numbers, 12)));
        even = TLanes.Add(even, TLanes.Products(w4, Read(ref numbers, 16)));
        odd = TLanes.Add(odd, TLanes.Products(w5, Read(ref numbers, 20)));
        even = TLanes.Add(even, TLanes.Products(w6, Read(ref numbers, 24)));
        odd = TLanes.Add(odd, TLanes.Products(w7, Read(ref numbers, 28)));
        return TLanes.AddPairs(TLanes.Create(start), TLanes.Add(even, odd));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Float(ref int source, nint index) => BitConverter.Int32BitsToSingle(Unsafe.Add(ref source, index));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Read(ref byte source, nint offset) => Unsafe.ReadUnaligned<int>(ref Unsafe.AddByteOffset(ref source, offset));
}
