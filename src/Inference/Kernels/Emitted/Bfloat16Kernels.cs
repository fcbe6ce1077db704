using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace LlmService.Inference.Kernels.Emitted;

/// <summary>
/// Attention among keys and values in bfloat16 by the instruction that multiplies and adds two of them in each of 16 lanes (AVX-512 BF16), which .NET has no name for. The code
/// is written at first use; all sums are those of <see cref="ScoreKernels"/> and <see cref="ValueKernels"/>, in the same order.
/// </summary>
internal static unsafe class Bfloat16Kernels
{
    /// <summary>Queries that a kernel takes at most.</summary>
    public const int MaxQueries = AttentionKernels.Together;

    // Head sizes are multiples of it.
    private const int Lanes = 16;

    private const int Bfloat16Bit = 5, VectorBytes = 64, WordBytes = sizeof(uint);

    // Blocks of a call: they are held in their place by name.
    private const int BlocksTogether = 4;

    // Kernels for one or two blocks at a time, then for one or two vectors of columns.
    private const int Variants = 4, ScoreVariant = 0, ValueVariant = 2;

    private static readonly byte*[]? Kernels = IsInProcessor() ? Write() : null;

    /// <summary>Whether the kernels compute a head: it is of halves and of whole vectors, the processor has the instruction, and the system lets us run our own code.</summary>
    public static bool Takes(KernelPath path, in KeyValueHead head) => path == KernelPath.Avx512Vnni && head.View.IsHalf && head.Size % Lanes == 0 && Kernels is not null;

    /// <summary>Scores of some queries with all keys of a head.</summary>
    /// <param name="head">The keys, halves.</param>
    /// <param name="queries">[size / 2, count]: two neighbouring columns a lane, the first one in the upper half.</param>
    /// <param name="count">1 to <see cref="MaxQueries"/>.</param>
    /// <param name="scores">Receives [count, width].</param>
    public static void Score(in KeyValueHead head, ReadOnlySpan<uint> queries, int count, Span<float> scores)
    {
        const int block = KeyValueView.BlockPositions;
        int width = head.Width, pairs = head.Size / 2;
        if (count is < 1 or > MaxQueries || pairs < 1 || queries.Length < pairs * count || scores.Length < count * width)
            throw new ArgumentException($"{count} queries of {head.Size} columns, {width} keys and {scores.Length} scores do not fit.");
        fixed (uint* q = queries)
        fixed (float* to = scores)
        {
            for (int at = 0; at < width; at += BlocksTogether * block)
            {
                // The kernels read size / 2 · 16 lanes of each block, which the head has checked, and write 16 scores of each query for each block.
                int blocks = Math.Min(BlocksTogether, (width - at) / block);
                fixed (uint* k0 = &KeysAt(head, at, 0, blocks), k1 = &KeysAt(head, at, 1, blocks), k2 = &KeysAt(head, at, 2, blocks), k3 = &KeysAt(head, at, 3, blocks))
                {
                    ScoreArguments arguments = new() { Queries = q, Scores = to + at, StrideBytes = (nint)width * sizeof(float), Pairs = pairs };
                    arguments.Keys[0] = (nint)k0;
                    arguments.Keys[1] = (nint)k1;
                    arguments.Keys[2] = (nint)k2;
                    arguments.Keys[3] = (nint)k3;
                    // What the next call reads is asked for meanwhile; the addresses are hints, and need not stay.
                    for (int i = 0; i < BlocksTogether; i++)
                        arguments.Next[i] = (nint)Unsafe.AsPointer(ref head.Keys<uint>(Math.Min(at + (BlocksTogether + i) * block, width - block)));
                    arguments.Rounds = blocks / 2;
                    if (arguments.Rounds > 0)
                        Call(ScoreVariant + 1, count, &arguments);
                    if (blocks % 2 == 0)
                        continue;
                    arguments.Keys[0] = (nint)(blocks == 1 ? k0 : k2);
                    arguments.Scores = to + at + (blocks - 1) * block;
                    arguments.Rounds = 1;
                    Call(ScoreVariant, count, &arguments);
                }
            }
        }
    }

    /// <summary>Sums of the values of a head, weighted for some queries.</summary>
    /// <param name="head">The values, halves.</param>
    /// <param name="weights">[count, width]: in each row, from its beginning on, the weights of two neighbouring positions a lane, the first one in the upper half.</param>
    /// <param name="count">1 to <see cref="MaxQueries"/>.</param>
    /// <param name="sums">Receives [count, size].</param>
    public static void Gather(in KeyValueHead head, ReadOnlySpan<uint> weights, int count, Span<float> sums)
    {
        const int block = KeyValueView.BlockPositions;
        int size = head.Size;
        if (count is < 1 or > MaxQueries || size < Lanes || size % Lanes != 0 || weights.Length < count * head.Width || sums.Length < count * size)
            throw new ArgumentException($"{count} queries of {size} columns, {weights.Length} weights and {sums.Length} sums do not fit.");
        sums[..(count * size)].Clear();
        fixed (uint* w = weights)
        fixed (float* to = sums)
        {
            for (int position = head.First; position <= head.Last;)
            {
                // The kernels read the rows of values that the head has checked, and the weights of their positions.
                int last = Math.Min(head.Last, (position / block + BlocksTogether) * block - 1);
                int second = Math.Min((position / block + 1) * block, last - 1), third = Math.Min(second + block, last - 1), fourth = Math.Min(third + block, last - 1);
                fixed (uint* v0 = &ValuesAt(head, position), v1 = &ValuesAt(head, second), v2 = &ValuesAt(head, third), v3 = &ValuesAt(head, fourth))
                {
                    ValueArguments arguments = new()
                    {
                        Weights = w + (position - head.Start) / 2,
                        WeightStrideBytes = (nint)head.Width * WordBytes,
                        Sums = to,
                        SumStrideBytes = (nint)size * sizeof(float),
                        RowBytes = (nint)size * WordBytes,
                        Blocks = last / block - position / block + 1,
                    };
                    arguments.Values[0] = (nint)v0;
                    arguments.Values[1] = (nint)v1;
                    arguments.Values[2] = (nint)v2;
                    arguments.Values[3] = (nint)v3;
                    for (int i = 0, from = position; i < arguments.Blocks; i++)
                    {
                        int end = Math.Min(last, (from / block + 1) * block - 1);
                        arguments.Pairs[i] = (end - from + 1) / 2;
                        from = end + 1;
                        arguments.Next[i] = (nint)Unsafe.AsPointer(ref ValuesAt(head, Math.Min(from + (BlocksTogether - 1) * block, head.Last - 1)));
                    }
                    arguments.Rounds = size / (2 * Lanes);
                    if (arguments.Rounds > 0)
                        Call(ValueVariant + 1, count, &arguments);
                    arguments.Rounds = size / Lanes % 2;
                    if (arguments.Rounds > 0)
                        Call(ValueVariant, count, &arguments);
                }
                position = last + 1;
            }
        }
    }

    private static ref uint KeysAt(in KeyValueHead head, int at, int index, int blocks) => ref head.Keys<uint>(at + Math.Min(index, blocks - 1) * KeyValueView.BlockPositions);

    private static ref uint ValuesAt(in KeyValueHead head, int position) => ref head.Values<uint>(position, 0, head.Size, out _);

    // A call takes less than ten microseconds, so nobody waits for it to let a collection begin.
    private static void Call(int variant, int count, void* arguments) => ((delegate* unmanaged[SuppressGCTransition]<void*, void>)Kernels![variant * MaxQueries + count - 1])(arguments);

    private static bool IsInProcessor()
    {
        if (!VnniKernels.IsSupported || X86Base.CpuId(7, 0).Eax < 1)
            return false;
        return (X86Base.CpuId(7, 1).Eax >> Bfloat16Bit & 1) != 0;
    }

    private static byte*[]? Write()
    {
        Assembler code = new();
        int[] starts = new int[Variants * MaxQueries];
        for (int count = 1; count <= MaxQueries; count++)
        {
            for (int together = 1; together <= 2; together++)
            {
                code.Align();
                starts[(ScoreVariant + together - 1) * MaxQueries + count - 1] = code.Position;
                WriteScores(code, count, together);
                code.Align();
                starts[(ValueVariant + together - 1) * MaxQueries + count - 1] = code.Position;
                WriteValues(code, count, together);
            }
        }
        return MachineCode.TryLoad(code, starts);
    }

    // Keys of one or two blocks, one pair of columns after the other, with all queries.
    private static void WriteScores(Assembler code, int count, int together)
    {
        const int arguments = Assembler.Rdi, queries = Assembler.R8, pairs = Assembler.R9, scores = Assembler.R10, to = Assembler.R11, rounds = Assembler.Rbx, blocks = Assembler.R14;
        const int query = 0, keys = 1, sums = 8;
        int[] from = [Assembler.Rax, Assembler.Rcx], next = [Assembler.Rdx, Assembler.Rsi];
        code.Push(rounds);
        code.Push(blocks);
        code.Move(blocks, arguments);
        code.Load(scores, arguments, ScoreArguments.OffsetOfScores);
        code.Load(rounds, arguments, ScoreArguments.OffsetOfRounds);

        int roundStart = code.Position;
        code.Load(queries, arguments, ScoreArguments.OffsetOfQueries);
        code.Load(pairs, arguments, ScoreArguments.OffsetOfPairs);
        for (int block = 0; block < together; block++)
        {
            code.Load(from[block], blocks, ScoreArguments.OffsetOfKeys + block * sizeof(long));
            code.Load(next[block], blocks, ScoreArguments.OffsetOfNext + block * sizeof(long));
        }
        for (int i = 0; i < count * together; i++)
            code.Clear(sums + i);

        int pairStart = code.Position;
        for (int block = 0; block < together; block++)
        {
            code.LoadVector(keys + block, from[block], 0);
            code.Prefetch(next[block], 0);
        }
        for (int i = 0; i < count; i++)
        {
            code.Broadcast(query, queries, i * WordBytes);
            for (int block = 0; block < together; block++)
                code.AddBfloat16Products(sums + i * together + block, keys + block, query);
        }
        for (int block = 0; block < together; block++)
        {
            code.Add(from[block], VectorBytes);
            code.Add(next[block], VectorBytes);
        }
        code.Add(queries, count * WordBytes);
        code.Repeat(pairs, pairStart);

        code.Move(to, scores);
        for (int i = 0; i < count; i++)
        {
            for (int block = 0; block < together; block++)
                code.StoreVector(sums + i * together + block, to, block * VectorBytes);
            code.Add(to, arguments, ScoreArguments.OffsetOfStrideBytes);
        }
        code.Add(scores, together * VectorBytes);
        // The next blocks' addresses are those behind.
        code.Add(blocks, together * sizeof(long));
        code.Repeat(rounds, roundStart);
        code.Pop(blocks);
        code.Pop(rounds);
        code.Return();
    }

    // One or two vectors of columns, all positions of some blocks, with all queries.
    private static void WriteValues(Assembler code, int count, int together)
    {
        const int arguments = Assembler.R15, next = Assembler.Rdi, from = Assembler.Rax, weights = Assembler.Rdx, rowBytes = Assembler.R11, pairs = Assembler.R10;
        const int once = Assembler.Rcx, thrice = Assembler.Rsi, fiveTimes = Assembler.R8, sevenTimes = Assembler.R9, blocks = Assembler.Rbx, block = Assembler.R14;
        const int weight = 0, values = 1, sums = 8;
        // Rows of weights that are 0 to 7 strides away, as a multiple of a register.
        (int Index, int Times)[] rows = [(once, 0), (once, 1), (once, 2), (thrice, 1), (once, 4), (fiveTimes, 1), (thrice, 2), (sevenTimes, 1)];
        code.Push(blocks);
        code.Push(block);
        code.Push(arguments);
        code.Move(arguments, Assembler.Rdi);
        code.Load(rowBytes, arguments, ValueArguments.OffsetOfRowBytes);
        code.Load(once, arguments, ValueArguments.OffsetOfWeightStrideBytes);
        code.Move(thrice, once);
        code.AddRegister(thrice, once);
        code.AddRegister(thrice, once);
        code.Move(fiveTimes, thrice);
        code.AddRegister(fiveTimes, once);
        code.AddRegister(fiveTimes, once);
        code.Move(sevenTimes, fiveTimes);
        code.AddRegister(sevenTimes, once);
        code.AddRegister(sevenTimes, once);

        int roundStart = code.Position;
        code.Load(from, arguments, ValueArguments.OffsetOfSums);
        for (int i = 0; i < count; i++)
        {
            for (int vector = 0; vector < together; vector++)
                code.LoadVector(sums + i * together + vector, from, vector * VectorBytes);
            code.Add(from, arguments, ValueArguments.OffsetOfSumStrideBytes);
        }
        code.Load(weights, arguments, ValueArguments.OffsetOfWeights);
        code.Load(blocks, arguments, ValueArguments.OffsetOfBlocks);
        code.Move(block, arguments);

        int blockStart = code.Position;
        code.Load(from, block, ValueArguments.OffsetOfValues);
        code.Load(next, block, ValueArguments.OffsetOfNext);
        code.Load(pairs, block, ValueArguments.OffsetOfPairs);

        int pairStart = code.Position;
        for (int vector = 0; vector < together; vector++)
        {
            code.LoadVector(values + vector, from, vector * VectorBytes);
            code.Prefetch(next, vector * VectorBytes);
        }
        for (int i = 0; i < count; i++)
        {
            if (i == 0)
                code.Broadcast(weight, weights, 0);
            else
                code.BroadcastIndexed(weight, weights, rows[i].Index, rows[i].Times);
            for (int vector = 0; vector < together; vector++)
                code.AddBfloat16Products(sums + i * together + vector, values + vector, weight);
        }
        code.AddRegister(from, rowBytes);
        code.AddRegister(next, rowBytes);
        code.Add(weights, WordBytes);
        code.Repeat(pairs, pairStart);

        // The next round begins with the columns behind.
        for (int offset = ValueArguments.OffsetOfValues; offset <= ValueArguments.OffsetOfNext; offset += ValueArguments.OffsetOfNext - ValueArguments.OffsetOfValues)
        {
            code.Load(from, block, offset);
            code.Add(from, together * VectorBytes);
            code.Store(from, block, offset);
        }
        code.Add(block, sizeof(long));
        code.Repeat(blocks, blockStart);

        code.Load(from, arguments, ValueArguments.OffsetOfSums);
        code.Move(next, from);
        code.Add(next, together * VectorBytes);
        code.Store(next, arguments, ValueArguments.OffsetOfSums);
        for (int i = 0; i < count; i++)
        {
            for (int vector = 0; vector < together; vector++)
                code.StoreVector(sums + i * together + vector, from, vector * VectorBytes);
            code.Add(from, arguments, ValueArguments.OffsetOfSumStrideBytes);
        }
        code.Load(blocks, arguments, ValueArguments.OffsetOfRounds);
        code.Move(next, blocks);
        code.Add(next, -1);
        code.Store(next, arguments, ValueArguments.OffsetOfRounds);
        code.Repeat(blocks, roundStart);
        code.Pop(arguments);
        code.Pop(block);
        code.Pop(blocks);
        code.Return();
    }

    /// <summary>What a kernel of scores is told: for each block its keys, and what to ask for meanwhile.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct ScoreArguments
    {
        public const int OffsetOfKeys = 0, OffsetOfNext = 32, OffsetOfScores = 64, OffsetOfQueries = 72, OffsetOfStrideBytes = 80, OffsetOfPairs = 88, OffsetOfRounds = 96;

        public fixed long Keys[BlocksTogether];
        public fixed long Next[BlocksTogether];
        public float* Scores;
        public uint* Queries;
        public nint StrideBytes;
        public nint Pairs;
        public nint Rounds;
    }

    /// <summary>What a kernel of values is told: for each block its values, what to ask for meanwhile, and how many pairs of positions it has. The kernel moves the addresses and <see cref="Sums"/> on.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct ValueArguments
    {
        public const int OffsetOfValues = 0, OffsetOfNext = 32, OffsetOfPairs = 64, OffsetOfWeights = 96, OffsetOfWeightStrideBytes = 104, OffsetOfSums = 112;
        public const int OffsetOfSumStrideBytes = 120, OffsetOfRowBytes = 128, OffsetOfBlocks = 136, OffsetOfRounds = 144;

        public fixed long Values[BlocksTogether];
        public fixed long Next[BlocksTogether];
        public fixed long Pairs[BlocksTogether];
        public uint* Weights;
        public nint WeightStrideBytes;
        public float* Sums;
        public nint SumStrideBytes;
        public nint RowBytes;
        public nint Blocks;
        public nint Rounds;
    }
}
