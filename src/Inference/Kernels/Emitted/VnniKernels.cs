using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace LlmService.Inference.Kernels.Emitted;

/// <summary>
/// Products of tiles with activations by the instruction that multiplies and sums four bytes in each of 16 lanes (AVX-512 VNNI), which .NET has no name for. The code is written
/// at first use, one kernel for each format and number of tokens; all sums are those of <see cref="TileKernels"/>, in the same order.
/// </summary>
internal static unsafe class VnniKernels
{
    /// <summary>Tokens that a kernel takes at most: the sums of so many in both strips of a tile stay in registers beside the weights of a block.</summary>
    public const int MaxTokens = 8;

    private const int VnniBit = 11;

    // Whether a kernel asks for memory ahead, or its tiles are in the caches.
    private const int FetchingKinds = 2;

    // Vector registers; those of weights and scales are for both strips.
    private const int Weights = 0, HighWeights = 2, Activation = 4, LowNibbles = 5, Scales = 6, Dot = 8, Sums = 16;
    private const int TokensTogether = (Sums - Dot) / TileLayout.Strips;

    // General registers that more than one part of a kernel reads.
    private const int Block = Assembler.Rax, Numbers = Assembler.Rdx, Factors = Assembler.Rsi;

    private const int VectorBytes = 64, ResultBytes = TileLayout.Rows * sizeof(float);

    // What stays in a first-level cache of 48 KiB beside what passes by.
    private const int CacheBytes = 40 * 1024;

    private static readonly byte*[]? Kernels = IsInProcessor() ? Write() : null;

    /// <summary>Whether the processor has the instruction, and the system lets us run our own code.</summary>
    public static bool IsSupported => Kernels is not null;

    /// <summary>result[t, tile · 32 + row] = Σ weights[tile, row, k] input[t, k] for the rows of some tiles that follow each other, and some groups of tokens of one size.</summary>
    /// <param name="format">The tiles' format.</param>
    /// <param name="tiles">The tiles: one, or a few hundred kilobytes at most, as a call cannot be interrupted by a collection of garbage.</param>
    /// <param name="tileBytes">Bytes of each.</param>
    /// <param name="blocks">Blocks of a row.</param>
    /// <param name="numbers">Activations of the groups, some hundreds of kilobytes at most, as <see cref="QuantizedRows"/> has them.</param>
    /// <param name="factors">Their scales and sums.</param>
    /// <param name="count">Tokens of a group: 1 to <see cref="MaxTokens"/>.</param>
    /// <param name="groups">How many groups.</param>
    /// <param name="result">Receives [groups · count, stride], of which 32 a tile are written.</param>
    /// <param name="stride">Floats from one token's results to the next one's.</param>
    public static void Multiply(
        TileFormat format, ReadOnlySpan<byte> tiles, int tileBytes, int blocks, ReadOnlySpan<byte> numbers, ReadOnlySpan<int> factors, int count, int groups, Span<float> result, int stride)
    {
        int tileCount = tiles.Length / tileBytes;
        if (count is < 1 or > MaxTokens || groups < 1 || blocks < 1 || tileCount < 1 || stride < tileCount * TileLayout.Rows
            || tileBytes < blocks * TileLayout.BlockBytes(format)
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
                StrideBytes = (nint)stride * sizeof(float),
                Blocks = blocks,
            };
            int groupNumbers = blocks * count * TileLayout.BlockColumns, groupFactors = 2 * blocks * count;

            // 1. The first group passes by all tiles, which come from memory. So do the others, unless a tile stays in the first-level cache while all groups pass by.
            bool stays = tileBytes + groupNumbers + groupFactors * sizeof(int) <= CacheBytes;
            arguments.TileStep = tileBytes;
            arguments.ResultStep = ResultBytes;
            for (int group = 0; group < (stays ? 1 : groups); group++)
            {
                arguments.Numbers = x + (nint)group * groupNumbers;
                arguments.Factors = factor + (nint)group * groupFactors;
                arguments.Tile = tile;
                arguments.Result = to + (nint)group * count * stride;
                Call(format, group > 0, count, tileCount, &arguments);
            }
            if (!stays || groups == 1)
                return;

            // 2. The other groups.
            arguments.TileStep = 0;
            arguments.NumbersStep = groupNumbers;
            arguments.FactorsStep = groupFactors * sizeof(int);
            arguments.ResultStep = count * arguments.StrideBytes;
            for (int i = 0; i < tileCount; i++)
            {
                arguments.Tile = tile + (nint)i * tileBytes;
                arguments.Numbers = x + groupNumbers;
                arguments.Factors = factor + groupFactors;
                arguments.Result = to + (nint)count * stride + i * TileLayout.Rows;
                Call(format, areCached: true, count, groups - 1, &arguments);
            }
        }
    }

    // A call takes some tens of microseconds, so nobody waits for it to let a collection begin.
    private static void Call(TileFormat format, bool areCached, int count, int rounds, Arguments* arguments)
    {
        arguments->Rounds = rounds;
        ((delegate* unmanaged[SuppressGCTransition]<Arguments*, void>)Kernels![Index(format, areCached, count)])(arguments);
    }

    private static bool IsInProcessor() =>
        OperatingSystem.IsLinux() && RuntimeInformation.ProcessArchitecture == Architecture.X64 && Avx512BW.IsSupported && (X86Base.CpuId(7, 0).Ecx >> VnniBit & 1) != 0;

    private static int Index(TileFormat format, bool areCached, int count) => ((int)format * FetchingKinds + (areCached ? 1 : 0)) * MaxTokens + count - 1;

    private static byte*[]? Write()
    {
        Assembler code = new();
        TileFormat[] formats = Enum.GetValues<TileFormat>();
        int[] starts = new int[formats.Length * FetchingKinds * MaxTokens];
        foreach (TileFormat format in formats)
        {
            foreach (bool areCached in new[] { false, true })
            {
                for (int count = 1; count <= MaxTokens; count++)
                {
                    code.Align();
                    starts[Index(format, areCached, count)] = code.Position;
                    WriteKernel(code, format, areCached, count);
                }
            }
        }
        return MachineCode.TryLoad(code, starts);
    }

    // One tile after the other.
    private static void WriteKernel(Assembler code, TileFormat format, bool areCached, int count)
    {
        const int arguments = Assembler.Rdi, result = Assembler.R8, blocks = Assembler.R9, rounds = Assembler.R10, to = Assembler.R11;
        int blockBytes = TileLayout.BlockBytes(format);
        code.Load(rounds, arguments, Arguments.OffsetOfRounds);
        code.Load(result, arguments, Arguments.OffsetOfResult);
        code.Set(Block, 0x0F0F0F0F);
        code.BroadcastRegister(LowNibbles, Block);
        if (!areCached)
        {
            code.Load(Block, arguments, Arguments.OffsetOfTile);
            for (int line = 0; line < TileLayout.AheadBytes; line += VectorBytes)
                code.Prefetch(Block, line);
        }

        int roundStart = code.Position;
        code.Load(Block, arguments, Arguments.OffsetOfTile);
        code.Load(Numbers, arguments, Arguments.OffsetOfNumbers);
        code.Load(Factors, arguments, Arguments.OffsetOfFactors);
        code.Load(blocks, arguments, Arguments.OffsetOfBlocks);
        for (int i = 0; i < TileLayout.Strips * count; i++)
            code.Clear(Sums + i);

        int blockStart = code.Position;
        for (int strip = 0; strip < TileLayout.Strips; strip++)
        {
            code.LoadWidened(Scales + strip, Block, TileLayout.OffsetOfScale(format, strip * TileLayout.StripRows));
            code.ShiftLeft(Scales + strip, Scales + strip, 16);
        }
        for (int line = 0; line < blockBytes && !areCached; line += VectorBytes)
            code.Prefetch(Block, TileLayout.AheadBytes + line);
        for (int token = 0; token < count; token += TokensTogether)
            WriteProducts(code, format, token, Math.Min(TokensTogether, count - token), count);
        code.Add(Block, blockBytes);
        code.Add(Numbers, count * TileLayout.BlockColumns);
        code.Add(Factors, count * (sizeof(int) + sizeof(float)));
        code.Repeat(blocks, blockStart);

        code.Move(to, result);
        for (int token = 0; token < count; token++)
        {
            for (int strip = 0; strip < TileLayout.Strips; strip++)
                code.StoreVector(Sums + TileLayout.Strips * token + strip, to, strip * VectorBytes);
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
        code.Return();
    }

    // The products of a block with some tokens, which take turns, so that none waits for its own sum.
    private static void WriteProducts(Assembler code, TileFormat format, int first, int together, int count)
    {
        const int strips = TileLayout.Strips;
        for (int i = 0; i < together; i++)
        {
            code.Broadcast(Dot + strips * i, Factors, (count + first + i) * sizeof(int));
            for (int strip = 1; strip < strips; strip++)
                code.MoveVector(Dot + strips * i + strip, Dot + strips * i);
        }
        for (int group = 0; group < TileLayout.StripBytes(format) / VectorBytes; group++)
        {
            for (int strip = 0; strip < strips; strip++)
            {
                code.LoadVector(Weights + strip, Block, strip * TileLayout.StripBytes(format) + group * VectorBytes);
                if (format == TileFormat.Q4)
                {
                    code.ShiftRight(HighWeights + strip, Weights + strip, 4);
                    code.And(Weights + strip, Weights + strip, LowNibbles);
                    code.And(HighWeights + strip, HighWeights + strip, LowNibbles);
                }
            }
            for (int half = 0; half < (format == TileFormat.Q4 ? 2 : 1); half++)
            {
                for (int i = 0; i < together; i++)
                {
                    code.Broadcast(Activation, Numbers, (first + i) * TileLayout.BlockColumns + half * TileLayout.BlockColumns / 2 + group * 4);
                    for (int strip = 0; strip < strips; strip++)
                        code.AddByteProducts(Dot + strips * i + strip, (half == 0 ? Weights : HighWeights) + strip, Activation);
                }
            }
        }
        for (int i = 0; i < together; i++)
        {
            code.Broadcast(Activation, Factors, (first + i) * sizeof(float));
            for (int strip = 0; strip < strips; strip++)
            {
                code.IntegersToFloats(Dot + strips * i + strip, Dot + strips * i + strip);
                code.Multiply(Weights + strip, Scales + strip, Activation);
                code.MultiplyAdd(Sums + strips * (first + i) + strip, Dot + strips * i + strip, Weights + strip);
            }
        }
    }

    /// <summary>What a kernel is told; it moves the pointers to tile, numbers and factors on by their steps.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Arguments
    {
        public const int OffsetOfTile = 0, OffsetOfNumbers = 8, OffsetOfFactors = 16, OffsetOfResult = 24, OffsetOfStrideBytes = 32;
        public const int OffsetOfBlocks = 40, OffsetOfRounds = 48, OffsetOfResultStep = 56;
        private const int OffsetOfTileStep = 64, OffsetOfNumbersStep = 72, OffsetOfFactorsStep = 80;

        /// <summary>Pointers in memory, and their steps.</summary>
        public static readonly (int At, int Step)[] Moved = [(OffsetOfTile, OffsetOfTileStep), (OffsetOfNumbers, OffsetOfNumbersStep), (OffsetOfFactors, OffsetOfFactorsStep)];

        public byte* Tile;
        public byte* Numbers;
        public int* Factors;
        public float* Result;
        public nint StrideBytes;
        public nint Blocks;
        public nint Rounds;
        public nint ResultStep;
        public nint TileStep;
        public nint NumbersStep;
        public nint FactorsStep;
    }
}
