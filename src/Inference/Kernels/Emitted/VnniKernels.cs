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

    private const int MaxTilesTogether = 2;

    // Whether a kernel asks for memory ahead, or its tiles are in the caches.
    private const int FetchingKinds = 2;

    // Vector registers; those of weights and scales are for as many tiles as go together.
    private const int Weights = 0, HighWeights = 2, Activation = 4, LowNibbles = 5, Scales = 6, Dot = 8, Sums = 16;
    private const int DotCount = Sums - Dot;

    // General registers that more than one part of a kernel reads.
    private const int Numbers = Assembler.Rdx, Factors = Assembler.Rsi;
    private static readonly int[] TileStarts = [Assembler.Rax, Assembler.Rbx];

    private const int VectorBytes = 64, ResultBytes = TileLayout.Rows * sizeof(float);

    // What stays in a first-level cache of 48 KiB beside what passes by.
    private const int CacheBytes = 40 * 1024;

    private static readonly byte*[]? Kernels = IsInProcessor() ? Write() : null;

    /// <summary>Whether the processor has the instruction, and the system lets us run our own code.</summary>
    public static bool IsSupported => Kernels is not null;

    /// <summary>result[t, tile · 16 + row] = Σ weights[tile, row, k] input[t, k] for the 16 rows of some tiles that follow each other, and some groups of tokens of one size.</summary>
    /// <param name="format">The tiles' format.</param>
    /// <param name="tiles">The tiles; a few hundred kilobytes at most, as a call cannot be interrupted by a collection of garbage.</param>
    /// <param name="tileBytes">Bytes of each.</param>
    /// <param name="blocks">Blocks of a row.</param>
    /// <param name="numbers">Activations of the groups, some hundreds of kilobytes at most, as <see cref="QuantizedRows"/> has them.</param>
    /// <param name="factors">Their scales and sums.</param>
    /// <param name="count">Tokens of a group: 1 to <see cref="MaxTokens"/>.</param>
    /// <param name="groups">How many groups.</param>
    /// <param name="result">Receives [groups · count, stride], of which 16 a tile are written.</param>
    /// <param name="stride">Floats from one token's results to the next one's.</param>
    public static void Multiply(
        TileFormat format, ReadOnlySpan<byte> tiles, int tileBytes, int blocks, ReadOnlySpan<byte> numbers, ReadOnlySpan<int> factors, int count, int groups, Span<float> result, int stride)
    {
        int tileCount = tiles.Length / tileBytes;
        if (count is < 1 or > MaxTokens || groups < 1 || blocks < 1 || tileCount < 1 || stride < tileCount * TileLayout.Rows
            || tileBytes < blocks * (TileLayout.NumberBytes(format) + TileLayout.ScaleBytes)
            || numbers.Length < (long)groups * blocks * count * TileLayout.BlockColumns || factors.Length < 2L * groups * blocks * count
            || result.Length < ((long)groups * count - 1) * stride + tileCount * TileLayout.Rows)
            throw new ArgumentException($"{tileCount} tiles of {tileBytes} bytes, {blocks} blocks, {groups} times {count} tokens and {result.Length} results do not fit.");
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
                TileBytes = tileBytes,
            };
            int together = count >= FewestOfPairs ? MaxTilesTogether : 1, whole = tileCount / together * together;
            int groupNumbers = blocks * count * TileLayout.BlockColumns, groupFactors = 2 * blocks * count;

            // 1. The first group passes by all tiles, which come from memory. So do the others, unless some tiles stay in the first-level cache while all groups pass by.
            bool stay = together * tileBytes + groupNumbers + groupFactors * sizeof(int) <= CacheBytes;
            for (int group = 0; group < (stay ? 1 : groups); group++)
            {
                arguments.Numbers = x + (nint)group * groupNumbers;
                arguments.Factors = factor + (nint)group * groupFactors;
                arguments.Tile = tile;
                arguments.Result = to + (nint)group * count * stride;
                arguments.TileStep = together * tileBytes;
                arguments.ResultStep = together * ResultBytes;
                Call(format, group > 0, together, count, whole / together, &arguments);
                arguments.TileStep = tileBytes;
                arguments.ResultStep = ResultBytes;
                Call(format, group > 0, 1, count, tileCount - whole, &arguments);
            }
            if (!stay || groups == 1)
                return;

            // 2. The other groups.
            arguments.TileStep = 0;
            arguments.NumbersStep = groupNumbers;
            arguments.FactorsStep = groupFactors * sizeof(int);
            arguments.ResultStep = count * arguments.StrideBytes;
            for (int first = 0; first < tileCount; first += together)
            {
                together = first < whole ? together : 1;
                arguments.Tile = tile + (nint)first * tileBytes;
                arguments.Numbers = x + groupNumbers;
                arguments.Factors = factor + groupFactors;
                arguments.Result = to + (nint)count * stride + first * TileLayout.Rows;
                Call(format, areCached: true, together, count, groups - 1, &arguments);
            }
        }
    }

    // A call takes some tens of microseconds, so nobody waits for it to let a collection begin.
    private static void Call(TileFormat format, bool areCached, int tiles, int count, int rounds, Arguments* arguments)
    {
        if (rounds == 0)
            return;
        arguments->Rounds = rounds;
        // What is asked for lies in one stream, as the memory does. Two tiles are read side by side, so that all of the next two must be on its way before they begin.
        arguments->AheadBytes = tiles == 1 ? TileLayout.AheadBytes : tiles * arguments->TileBytes;
        arguments->AheadLines = arguments->AheadBytes / VectorBytes;
        ((delegate* unmanaged[SuppressGCTransition]<Arguments*, void>)Kernels![Index(format, areCached, tiles, count)])(arguments);
    }

    private static bool IsInProcessor() =>
        OperatingSystem.IsLinux() && RuntimeInformation.ProcessArchitecture == Architecture.X64 && Avx512BW.IsSupported && (X86Base.CpuId(7, 0).Ecx >> VnniBit & 1) != 0;

    private static int Index(TileFormat format, bool areCached, int tiles, int count) =>
        (((int)format * FetchingKinds + (areCached ? 1 : 0)) * MaxTilesTogether + tiles - 1) * MaxTokens + count - 1;

    private static byte*[]? Write()
    {
        Assembler code = new();
        TileFormat[] formats = Enum.GetValues<TileFormat>();
        int[] starts = new int[formats.Length * FetchingKinds * MaxTilesTogether * MaxTokens];
        foreach (TileFormat format in formats)
        {
            foreach (bool areCached in new[] { false, true })
            {
                for (int tiles = 1; tiles <= MaxTilesTogether; tiles++)
                {
                    for (int count = tiles == 1 ? 1 : FewestOfPairs; count <= MaxTokens; count++)
                    {
                        code.Align();
                        starts[Index(format, areCached, tiles, count)] = code.Position;
                        WriteKernel(code, format, areCached, tiles, count);
                    }
                }
            }
        }
        return MachineCode.TryLoad(code, starts);
    }

    // One tile after the other, or two that follow each other at once.
    private static void WriteKernel(Assembler code, TileFormat format, bool areCached, int tiles, int count)
    {
        const int arguments = Assembler.Rdi, result = Assembler.R8, blocks = Assembler.R9, rounds = Assembler.R10;
        // Results are written when nothing more is asked for ahead.
        const int ahead = Assembler.R11, to = Assembler.R11;
        int[] scales = [Assembler.Rcx, Assembler.R14];
        code.Push(TileStarts[1]);
        code.Push(scales[1]);
        code.Load(rounds, arguments, Arguments.OffsetOfRounds);
        code.Load(result, arguments, Arguments.OffsetOfResult);
        code.Set(TileStarts[0], 0x0F0F0F0F);
        code.BroadcastRegister(LowNibbles, TileStarts[0]);
        if (!areCached)
        {
            code.Load(ahead, arguments, Arguments.OffsetOfTile);
            code.Load(blocks, arguments, Arguments.OffsetOfAheadLines);
            int lineStart = code.Position;
            code.Prefetch(ahead, 0);
            code.Add(ahead, VectorBytes);
            code.Repeat(blocks, lineStart);
        }

        int roundStart = code.Position;
        code.Load(TileStarts[0], arguments, Arguments.OffsetOfTile);
        for (int tile = 0; tile < tiles; tile++)
        {
            if (tile > 0)
            {
                code.Move(TileStarts[tile], TileStarts[tile - 1]);
                code.Add(TileStarts[tile], arguments, Arguments.OffsetOfTileBytes);
            }
            code.Move(scales[tile], TileStarts[tile]);
            code.Add(scales[tile], arguments, Arguments.OffsetOfScaleOffset);
        }
        code.Load(Numbers, arguments, Arguments.OffsetOfNumbers);
        code.Load(Factors, arguments, Arguments.OffsetOfFactors);
        code.Load(blocks, arguments, Arguments.OffsetOfBlocks);
        for (int i = 0; i < tiles * count; i++)
            code.Clear(Sums + i);
        if (!areCached)
        {
            code.Move(ahead, TileStarts[0]);
            code.Add(ahead, arguments, Arguments.OffsetOfAheadBytes);
        }

        int blockStart = code.Position;
        for (int tile = 0; tile < tiles; tile++)
        {
            code.LoadWidened(Scales + tile, scales[tile], 0);
            code.ShiftLeft(Scales + tile, Scales + tile, 16);
        }
        if (!areCached)
        {
            int blockBytes = tiles * (TileLayout.NumberBytes(format) + TileLayout.ScaleBytes);
            for (int line = 0; line < blockBytes; line += VectorBytes)
                code.Prefetch(ahead, line);
            code.Add(ahead, blockBytes);
        }
        int together = DotCount / tiles;
        for (int token = 0; token < count; token += together)
            WriteProducts(code, format, tiles, token, Math.Min(together, count - token), count);
        for (int tile = 0; tile < tiles; tile++)
        {
            code.Add(TileStarts[tile], TileLayout.NumberBytes(format));
            code.Add(scales[tile], TileLayout.ScaleBytes);
        }
        code.Add(Numbers, count * TileLayout.BlockColumns);
        code.Add(Factors, count * (sizeof(int) + sizeof(float)));
        code.Repeat(blocks, blockStart);

        code.Move(to, result);
        for (int token = 0; token < count; token++)
        {
            for (int tile = 0; tile < tiles; tile++)
                code.StoreVector(Sums + tiles * token + tile, to, tile * VectorBytes);
            code.Add(to, arguments, Arguments.OffsetOfStrideBytes);
        }
        code.Add(result, arguments, Arguments.OffsetOfResultStep);
        foreach ((int at, int step) in Arguments.Moved)
        {
            code.Load(to, arguments, at);
            code.Add(to, arguments, step);
            code.Store(to, arguments, at);
        }
        code.Repeat(rounds, roundStart);
        code.Store(result, arguments, Arguments.OffsetOfResult);
        code.Pop(scales[1]);
        code.Pop(TileStarts[1]);
        code.Return();
    }

    // The products of a block of each tile with some tokens, which take turns, so that none waits for its own sum.
    private static void WriteProducts(Assembler code, TileFormat format, int tiles, int first, int together, int count)
    {
        for (int i = 0; i < together; i++)
        {
            code.Broadcast(Dot + tiles * i, Factors, (count + first + i) * sizeof(int));
            for (int tile = 1; tile < tiles; tile++)
                code.MoveVector(Dot + tiles * i + tile, Dot + tiles * i);
        }
        for (int group = 0; group < TileLayout.NumberBytes(format) / VectorBytes; group++)
        {
            for (int tile = 0; tile < tiles; tile++)
            {
                code.LoadVector(Weights + tile, TileStarts[tile], group * VectorBytes);
                if (format == TileFormat.Q4)
                {
                    code.ShiftRight(HighWeights + tile, Weights + tile, 4);
                    code.And(Weights + tile, Weights + tile, LowNibbles);
                    code.And(HighWeights + tile, HighWeights + tile, LowNibbles);
                }
            }
            for (int half = 0; half < (format == TileFormat.Q4 ? 2 : 1); half++)
            {
                for (int i = 0; i < together; i++)
                {
                    code.Broadcast(Activation, Numbers, (first + i) * TileLayout.BlockColumns + half * TileLayout.BlockColumns / 2 + group * 4);
                    for (int tile = 0; tile < tiles; tile++)
                        code.AddByteProducts(Dot + tiles * i + tile, (half == 0 ? Weights : HighWeights) + tile, Activation);
                }
            }
        }
        for (int i = 0; i < together; i++)
        {
            code.Broadcast(Activation, Factors, (first + i) * sizeof(float));
            for (int tile = 0; tile < tiles; tile++)
            {
                code.IntegersToFloats(Dot + tiles * i + tile, Dot + tiles * i + tile);
                code.Multiply(Weights + tile, Scales + tile, Activation);
                code.MultiplyAdd(Sums + tiles * (first + i) + tile, Dot + tiles * i + tile, Weights + tile);
            }
        }
    }

    /// <summary>What a kernel is told; it moves the four pointers on by their steps.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Arguments
    {
        public const int OffsetOfTile = 0, OffsetOfScaleOffset = 8, OffsetOfNumbers = 16, OffsetOfFactors = 24, OffsetOfResult = 32, OffsetOfStrideBytes = 40;
        public const int OffsetOfBlocks = 48, OffsetOfRounds = 56, OffsetOfTileBytes = 64, OffsetOfAheadBytes = 72, OffsetOfAheadLines = 80, OffsetOfResultStep = 88;
        private const int OffsetOfTileStep = 96, OffsetOfNumbersStep = 104, OffsetOfFactorsStep = 112;

        /// <summary>Pointers in memory, and their steps.</summary>
        public static readonly (int At, int Step)[] Moved = [(OffsetOfTile, OffsetOfTileStep), (OffsetOfNumbers, OffsetOfNumbersStep), (OffsetOfFactors, OffsetOfFactorsStep)];

        public byte* Tile;
        public nint ScaleOffset;
        public byte* Numbers;
        public int* Factors;
        public float* Result;
        public nint StrideBytes;
        public nint Blocks;
        public nint Rounds;
        public nint TileBytes;
        public nint AheadBytes;
        public nint AheadLines;
        public nint ResultStep;
        public nint TileStep;
        public nint NumbersStep;
        public nint FactorsStep;
    }
}
