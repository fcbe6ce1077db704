using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace LlmService.Inference.Kernels.Emitted;

/// <summary>
/// Products of tiles with activations by the instruction that multiplies and sums four bytes in each of 16 lanes (AVX-512 VNNI), which .NET has no name for. The code is written
/// at first use, one kernel for each format and number of tokens; all sums are those of <see cref="TileKernels"/>, in the same order.
/// </summary>
internal static unsafe class VnniKernels
{
    /// <summary>Tokens that a kernel takes at most: the sums of so many in two tiles stay in registers beside the weights of a block.</summary>
    public const int MaxTokens = 8;

    // From so many tokens on, two tiles share what is read of the activations.
    private const int FewestOfPairs = 3;

    private const int VnniBit = 11;

    // Vector registers.
    private const int Weights = 0, HighWeights = 1, LowNibbles = 2, Scales = 3, Factor = 4, Dot = 8, Sums = 16;

    // General registers that more than one part of a kernel reads.
    private const int TileStart = Assembler.Rax, Numbers = Assembler.Rdx, Factors = Assembler.Rsi;

    // Those of kernels for two tiles: four for weights, then these.
    private const int PairNumbers = 4, PairLowNibbles = 5, PairScales = 6, TogetherInPairs = 4;

    private const int VectorBytes = 64;

    private static readonly byte*[]? Kernels = IsInProcessor() ? Write() : null;

    /// <summary>Whether the processor has the instruction, and the system lets us run our own code.</summary>
    public static bool IsSupported => Kernels is not null;

    /// <summary>result[t, tile · 16 + row] = Σ weights[tile, row, k] input[t, k] for the 16 rows of some tiles that follow each other.</summary>
    /// <param name="format">The tiles' format.</param>
    /// <param name="tiles">The tiles; a few hundred kilobytes at most, as a call cannot be interrupted by a collection of garbage.</param>
    /// <param name="tileBytes">Bytes of each.</param>
    /// <param name="blocks">Blocks of a row.</param>
    /// <param name="numbers">Activations of <paramref name="count"/> tokens as <see cref="QuantizedRows"/> has them.</param>
    /// <param name="factors">Their scales and sums.</param>
    /// <param name="count">1 to <see cref="MaxTokens"/>.</param>
    /// <param name="result">Receives [count, stride], of which 16 a tile are written.</param>
    /// <param name="stride">Floats from one token's results to the next one's.</param>
    public static void Multiply(
        TileFormat format, ReadOnlySpan<byte> tiles, int tileBytes, int blocks, ReadOnlySpan<byte> numbers, ReadOnlySpan<int> factors, int count, Span<float> result, int stride)
    {
        int tileCount = tiles.Length / tileBytes;
        if (count is < 1 or > MaxTokens || blocks < 1 || tileCount < 1 || stride < tileCount * TileLayout.Rows
            || tileBytes < blocks * (TileLayout.NumberBytes(format) + TileLayout.ScaleBytes)
            || numbers.Length < blocks * count * TileLayout.BlockColumns || factors.Length < 2 * blocks * count
            || result.Length < (long)(count - 1) * stride + tileCount * TileLayout.Rows)
            throw new ArgumentException($"{tileCount} tiles of {tileBytes} bytes, {blocks} blocks, {count} tokens and {result.Length} results do not fit.");
        fixed (byte* tile = tiles, x = numbers)
        fixed (int* factor = factors)
        fixed (float* to = result)
        {
            // The kernels read and write within the spans, whose lengths were checked above.
            Arguments arguments = new()
            {
                Tile = tile,
                ScaleOffset = blocks * TileLayout.NumberBytes(format),
                Numbers = x,
                Factors = factor,
                Result = to,
                StrideBytes = (nint)stride * sizeof(float),
                Blocks = blocks,
                Tiles = tileCount,
                TileBytes = tileBytes,
            };
            // A call takes some ten microseconds, so nobody waits for it to let a collection begin.
            if (count >= FewestOfPairs && tileCount > 1)
            {
                arguments.Tiles = tileCount / 2;
                ((delegate* unmanaged[SuppressGCTransition]<Arguments*, void>)Kernels![PairIndex(format, count)])(&arguments);
                arguments.Tiles = tileCount % 2;
                arguments.Result += tileCount / 2 * 2 * TileLayout.Rows;
                if (arguments.Tiles == 0)
                    return;
            }
            ((delegate* unmanaged[SuppressGCTransition]<Arguments*, void>)Kernels![Index(format, count)])(&arguments);
        }
    }

    private static bool IsInProcessor() =>
        OperatingSystem.IsLinux() && RuntimeInformation.ProcessArchitecture == Architecture.X64 && Avx512BW.IsSupported && (X86Base.CpuId(7, 0).Ecx >> VnniBit & 1) != 0;

    private static int Index(TileFormat format, int count) => (int)format * MaxTokens + count - 1;

    private static int PairIndex(TileFormat format, int count) => 2 * MaxTokens + Index(format, count);

    private static byte*[]? Write()
    {
        Assembler code = new();
        int[] starts = new int[4 * MaxTokens];
        foreach (TileFormat format in Enum.GetValues<TileFormat>())
        {
            for (int count = 1; count <= MaxTokens; count++)
            {
                code.Align();
                starts[Index(format, count)] = code.Position;
                WriteKernel(code, format, count);
            }
            for (int count = FewestOfPairs; count <= MaxTokens; count++)
            {
                code.Align();
                starts[PairIndex(format, count)] = code.Position;
                WritePairKernel(code, format, count);
            }
        }
        byte* memory = MachineCode.TryLoad(code.ToArray());
        if (memory == null)
            return null;
        byte*[] kernels = new byte*[starts.Length];
        for (int i = 0; i < starts.Length; i++)
            kernels[i] = memory + starts[i];
        return kernels;
    }

    private static void WriteKernel(Assembler code, TileFormat format, int count)
    {
        const int arguments = Assembler.Rdi, scales = Assembler.Rcx;
        const int result = Assembler.R8, blocks = Assembler.R9, tiles = Assembler.R10, to = Assembler.R11;
        code.Load(tiles, arguments, Arguments.OffsetOfTiles);
        code.Load(result, arguments, Arguments.OffsetOfResult);
        code.Set(TileStart, 0x0F0F0F0F);
        code.BroadcastRegister(LowNibbles, TileStart);
        code.Load(TileStart, arguments, Arguments.OffsetOfTile);

        int tileStart = code.Position;
        code.Move(scales, TileStart);
        code.Add(scales, arguments, Arguments.OffsetOfScaleOffset);
        code.Load(Numbers, arguments, Arguments.OffsetOfNumbers);
        code.Load(Factors, arguments, Arguments.OffsetOfFactors);
        code.Load(blocks, arguments, Arguments.OffsetOfBlocks);
        for (int token = 0; token < count; token++)
            code.Clear(Sums + token);

        int blockStart = code.Position;
        code.LoadWidened(Scales, scales, 0);
        code.ShiftLeft(Scales, Scales, 16);
        for (int line = 0; line < TileLayout.NumberBytes(format); line += VectorBytes)
            code.Prefetch(TileStart, TileLayout.PrefetchBytes + line);
        WriteProducts(code, format, count);
        code.Add(TileStart, TileLayout.NumberBytes(format));
        code.Add(scales, TileLayout.ScaleBytes);
        code.Add(Numbers, count * TileLayout.BlockColumns);
        code.Add(Factors, count * (sizeof(int) + sizeof(float)));
        code.Repeat(blocks, blockStart);

        code.Move(to, result);
        for (int token = 0; token < count; token++)
        {
            code.StoreVector(Sums + token, to, 0);
            code.Add(to, arguments, Arguments.OffsetOfStrideBytes);
        }
        code.Add(result, TileLayout.Rows * sizeof(float));
        code.Load(TileStart, arguments, Arguments.OffsetOfTile);
        code.Add(TileStart, arguments, Arguments.OffsetOfTileBytes);
        code.Store(TileStart, arguments, Arguments.OffsetOfTile);
        code.Repeat(tiles, tileStart);
        code.Return();
    }

    // The products of a block with the tokens, which take turns, so that none waits for its own sum.
    private static void WriteProducts(Assembler code, TileFormat format, int count)
    {
        for (int i = 0; i < count; i++)
            code.Broadcast(Dot + i, Factors, (count + i) * sizeof(int));
        for (int group = 0; group < TileLayout.NumberBytes(format) / VectorBytes; group++)
        {
            code.LoadVector(Weights, TileStart, group * VectorBytes);
            if (format == TileFormat.Q4)
            {
                code.ShiftRight(HighWeights, Weights, 4);
                code.And(Weights, Weights, LowNibbles);
                code.And(HighWeights, HighWeights, LowNibbles);
            }
            for (int i = 0; i < count; i++)
                code.AddByteProducts(Dot + i, Weights, Numbers, i * TileLayout.BlockColumns + group * 4);
            for (int i = 0; i < count && format == TileFormat.Q4; i++)
                code.AddByteProducts(Dot + i, HighWeights, Numbers, i * TileLayout.BlockColumns + TileLayout.BlockColumns / 2 + group * 4);
        }
        for (int i = 0; i < count; i++)
        {
            code.IntegersToFloats(Dot + i, Dot + i);
            code.Multiply(Factor, Scales, Factors, i * sizeof(float));
            code.MultiplyAdd(Sums + i, Dot + i, Factor);
        }
    }

    // Two tiles that follow each other. Four tokens take turns in both of them.
    private static void WritePairKernel(Assembler code, TileFormat format, int count)
    {
        const int arguments = Assembler.Rdi, scales = Assembler.Rcx, otherTile = Assembler.Rbx, otherScales = Assembler.R14;
        const int result = Assembler.R8, blocks = Assembler.R9, pairs = Assembler.R10, to = Assembler.R11;
        code.Push(otherTile);
        code.Push(otherScales);
        code.Load(pairs, arguments, Arguments.OffsetOfTiles);
        code.Load(result, arguments, Arguments.OffsetOfResult);
        code.Set(TileStart, 0x0F0F0F0F);
        code.BroadcastRegister(PairLowNibbles, TileStart);
        code.Load(TileStart, arguments, Arguments.OffsetOfTile);

        int pairStart = code.Position;
        code.Move(otherTile, TileStart);
        code.Add(otherTile, arguments, Arguments.OffsetOfTileBytes);
        code.Move(scales, TileStart);
        code.Add(scales, arguments, Arguments.OffsetOfScaleOffset);
        code.Move(otherScales, otherTile);
        code.Add(otherScales, arguments, Arguments.OffsetOfScaleOffset);
        code.Load(Numbers, arguments, Arguments.OffsetOfNumbers);
        code.Load(Factors, arguments, Arguments.OffsetOfFactors);
        code.Load(blocks, arguments, Arguments.OffsetOfBlocks);
        for (int i = 0; i < 2 * count; i++)
            code.Clear(Sums + i);

        int blockStart = code.Position;
        code.LoadWidened(PairScales, scales, 0);
        code.ShiftLeft(PairScales, PairScales, 16);
        code.LoadWidened(PairScales + 1, otherScales, 0);
        code.ShiftLeft(PairScales + 1, PairScales + 1, 16);
        for (int line = 0; line < TileLayout.NumberBytes(format); line += VectorBytes)
        {
            code.Prefetch(TileStart, TileLayout.PrefetchBytes + line);
            code.Prefetch(otherTile, TileLayout.PrefetchBytes + line);
        }
        for (int token = 0; token < count; token += TogetherInPairs)
            WritePairProducts(code, format, otherTile, token, Math.Min(TogetherInPairs, count - token), count);
        code.Add(TileStart, TileLayout.NumberBytes(format));
        code.Add(otherTile, TileLayout.NumberBytes(format));
        code.Add(scales, TileLayout.ScaleBytes);
        code.Add(otherScales, TileLayout.ScaleBytes);
        code.Add(Numbers, count * TileLayout.BlockColumns);
        code.Add(Factors, count * (sizeof(int) + sizeof(float)));
        code.Repeat(blocks, blockStart);

        code.Move(to, result);
        for (int token = 0; token < count; token++)
        {
            code.StoreVector(Sums + 2 * token, to, 0);
            code.StoreVector(Sums + 2 * token + 1, to, VectorBytes);
            code.Add(to, arguments, Arguments.OffsetOfStrideBytes);
        }
        code.Add(result, 2 * TileLayout.Rows * sizeof(float));
        code.Load(TileStart, arguments, Arguments.OffsetOfTile);
        code.Add(TileStart, arguments, Arguments.OffsetOfTileBytes);
        code.Add(TileStart, arguments, Arguments.OffsetOfTileBytes);
        code.Store(TileStart, arguments, Arguments.OffsetOfTile);
        code.Repeat(pairs, pairStart);
        code.Pop(otherScales);
        code.Pop(otherTile);
        code.Return();
    }

    private static void WritePairProducts(Assembler code, TileFormat format, int otherTile, int first, int together, int count)
    {
        for (int i = 0; i < together; i++)
        {
            code.Broadcast(Dot + 2 * i, Factors, (count + first + i) * sizeof(int));
            code.MoveVector(Dot + 2 * i + 1, Dot + 2 * i);
        }
        for (int group = 0; group < TileLayout.NumberBytes(format) / VectorBytes; group++)
        {
            code.LoadVector(Weights, TileStart, group * VectorBytes);
            code.LoadVector(Weights + 1, otherTile, group * VectorBytes);
            if (format == TileFormat.Q4)
            {
                for (int tile = 0; tile < 2; tile++)
                {
                    code.ShiftRight(Weights + 2 + tile, Weights + tile, 4);
                    code.And(Weights + tile, Weights + tile, PairLowNibbles);
                    code.And(Weights + 2 + tile, Weights + 2 + tile, PairLowNibbles);
                }
            }
            for (int half = 0; half < (format == TileFormat.Q4 ? 2 : 1); half++)
            {
                for (int i = 0; i < together; i++)
                {
                    code.Broadcast(PairNumbers, Numbers, (first + i) * TileLayout.BlockColumns + half * TileLayout.BlockColumns / 2 + group * 4);
                    code.AddByteProducts(Dot + 2 * i, Weights + 2 * half, PairNumbers);
                    code.AddByteProducts(Dot + 2 * i + 1, Weights + 2 * half + 1, PairNumbers);
                }
            }
        }
        for (int i = 0; i < together; i++)
        {
            code.Broadcast(PairNumbers, Factors, (first + i) * sizeof(float));
            for (int tile = 0; tile < 2; tile++)
            {
                code.IntegersToFloats(Dot + 2 * i + tile, Dot + 2 * i + tile);
                code.Multiply(Weights + tile, PairScales + tile, PairNumbers);
                code.MultiplyAdd(Sums + 2 * (first + i) + tile, Dot + 2 * i + tile, Weights + tile);
            }
        }
    }

    /// <summary>What a kernel is told; it changes <see cref="Tile"/>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Arguments
    {
        public const int OffsetOfTile = 0, OffsetOfScaleOffset = 8, OffsetOfNumbers = 16, OffsetOfFactors = 24, OffsetOfResult = 32, OffsetOfStrideBytes = 40;
        public const int OffsetOfBlocks = 48, OffsetOfTiles = 56, OffsetOfTileBytes = 64;

        public byte* Tile;
        public nint ScaleOffset;
        public byte* Numbers;
        public int* Factors;
        public float* Result;
        public nint StrideBytes;
        public nint Blocks;
        public nint Tiles;
        public nint TileBytes;
    }
}
