using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace LlmService.Inference.Kernels;

/// <summary>Added to the scores by the distance of key and query (T5).</summary>
internal interface IScoreBias
{
    /// <summary>Adds to the scores of consecutive keys.</summary>
    /// <param name="path">Which kernels.</param>
    /// <param name="head">The query's head.</param>
    /// <param name="firstKey">Position of the first key.</param>
    /// <param name="query">Position of the query.</param>
    /// <param name="scores">One for each key.</param>
    void Add(KernelPath path, int head, int firstKey, int query, Span<float> scores);
}

/// <summary>One query token: what it sees.</summary>
/// <param name="View">Keys and values.</param>
/// <param name="First">The first position that is seen.</param>
/// <param name="Last">The last one.</param>
/// <param name="Position">The query's own position.</param>
internal readonly record struct AttentionQuery(KeyValueView View, int First, int Last, int Position);

/// <summary>Shapes of an attention.</summary>
/// <param name="HeadCount">Query heads.</param>
/// <param name="KeyValueHeadCount">Key/value heads; each serves a group of query heads.</param>
/// <param name="HeadSize">Width of a head.</param>
/// <param name="Scale">What scores are multiplied by.</param>
/// <param name="Bias">Added to the scores; null for none.</param>
internal sealed record AttentionShape(int HeadCount, int KeyValueHeadCount, int HeadSize, float Scale, IScoreBias? Bias = null)
{
    /// <summary>No score grows beyond it, by a tanh; 0 for none.</summary>
    public float ScoreCap { get; init; }

    /// <summary>One more score for each head, which takes its share and gives nothing; null for none.</summary>
    public float[]? Sinks { get; init; }
}

/// <summary>
/// Scaled dot-product attention over blocks of keys and values. Up to eight queries that see the same keys (heads of a group, tokens of a prompt) are computed together, so
/// that each key and value is read once for all of them. The sums of a query run in the order of columns and positions, so its bits depend on nothing else.
/// </summary>
internal static class AttentionKernels
{
    private const int Together = 8, MostLanes = 16;

    /// <summary>output[t] = attention of queries[t].</summary>
    /// <param name="compute">Kernels and threads.</param>
    /// <param name="shape">Shapes.</param>
    /// <param name="tokens">What each query sees.</param>
    /// <param name="queries">[tokens, stride]; a row begins with heads × head size numbers.</param>
    /// <param name="stride">Length of a row of queries.</param>
    /// <param name="output">Receives [tokens, heads × head size].</param>
    public static void Attend(Compute compute, AttentionShape shape, List<AttentionQuery> tokens, ReadOnlyMemory<float> queries, int stride, Memory<float> output)
    {
        // 1. Pieces: tokens of one sequence, and heads that share keys.
        int group = shape.HeadCount / shape.KeyValueHeadCount;
        int headParts = (group + Together - 1) / Together, tokensTogether = Math.Max(1, Together / group);
        List<(int First, int Count)> runs = Runs(tokens, tokensTogether);
        int perRun = shape.KeyValueHeadCount * headParts;
        long work = 0;
        foreach (AttentionQuery token in CollectionsMarshal.AsSpan(tokens))
            work += 2L * (token.Last - token.First + 1) * shape.HeadCount * shape.HeadSize;

        // 2. Each piece alone.
        int pieces = runs.Count * perRun, parts = compute.Parts(work, pieces);
        compute.Run(parts, part =>
        {
            int first = (int)((long)pieces * part / parts), last = (int)((long)pieces * (part + 1) / parts);
            Span<Query> together = stackalloc Query[Together];
            for (int piece = first; piece < last; piece++)
            {
                (int token, int tokenCount) = runs[piece / perRun];
                int keyHead = piece % perRun / headParts, firstHead = piece % headParts * Together;
                int heads = Math.Min(Together, group - firstHead), count = 0;
                for (int t = token; t < token + tokenCount; t++)
                {
                    for (int h = 0; h < heads; h++)
                    {
                        int head = keyHead * group + firstHead + h;
                        together[count++] = new(head, tokens[t].Position, tokens[t].First, tokens[t].Last, t * stride + head * shape.HeadSize, (t * shape.HeadCount + head) * shape.HeadSize);
                    }
                }
                AttendTogether(compute.Path, shape, tokens[token].View, keyHead, together[..count], queries.Span, output.Span);
            }
        });
    }

    private static List<(int First, int Count)> Runs(List<AttentionQuery> tokens, int longest)
    {
        List<(int, int)> runs = [];
        for (int first = 0; first < tokens.Count;)
        {
            int count = 1;
            while (count < longest && first + count < tokens.Count && ReferenceEquals(tokens[first].View.Blocks, tokens[first + count].View.Blocks))
                count++;
            runs.Add((first, count));
            first += count;
        }
        return runs;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AttendTogether(KernelPath path, AttentionShape shape, KeyValueView view, int keyHead, ReadOnlySpan<Query> queries, ReadOnlySpan<float> input, Span<float> output)
    {
        int first = int.MaxValue, last = 0, size = shape.HeadSize;
        foreach (Query query in queries)
            (first, last) = (Math.Min(first, query.First), Math.Max(last, query.Last));
        int start = first / KeyValueView.BlockPositions * KeyValueView.BlockPositions;
        int width = (last / KeyValueView.BlockPositions + 1) * KeyValueView.BlockPositions - start;
        // The kernels take one query, four or eight.
        int slots = queries.Length == 1 ? 1 : queries.Length <= Together / 2 ? Together / 2 : Together;
        float[] rented = ArrayPool<float>.Shared.Rent(slots * (width + size));
        Span<float> scores = rented.AsSpan(0, slots * width), scaled = rented.AsSpan(slots * width, slots * size);
        for (int i = 0; i < slots; i++)
        {
            // Queries that are missing repeat the first one.
            ReadOnlySpan<float> query = input.Slice(queries[i < queries.Length ? i : 0].Input, size);
            for (int d = 0, to = i; d < query.Length; d++, to += slots)
                scaled[to] = query[d] * shape.Scale;
        }
        KeyValueHead head = new(view, keyHead, size, start, width, first, last);
        Score(path, head, scaled, scores, slots);
        Span<float> reciprocals = stackalloc float[Together];
        for (int i = 0; i < queries.Length; i++)
            reciprocals[i] = Weigh(path, shape, queries[i], scores.Slice(i * width, width), start, first, last);
        Gather(path, head, scores, slots, reciprocals, queries, output);
        ArrayPool<float>.Shared.Return(rented);
    }

    /// <summary>Turns the scores of a query into weights that are not yet divided by their sum; zeros where only its companions look.</summary>
    private static float Weigh(KernelPath path, AttentionShape shape, Query query, Span<float> scores, int start, int first, int last)
    {
        Span<float> seen = scores[(query.First - start)..(query.Last - start + 1)];
        if (shape.ScoreCap > 0)
            ElementKernels.SoftCap(path, seen, shape.ScoreCap);
        shape.Bias?.Add(path, query.Head, query.First, query.Position, seen);
        scores[(first - start)..(query.First - start)].Clear();
        scores[(query.Last - start + 1)..(last - start + 1)].Clear();
        return ElementKernels.SoftmaxWeights(path, seen, shape.Sinks?[query.Head] ?? float.NegativeInfinity);
    }

    private static void Score(KernelPath path, KeyValueHead head, ReadOnlySpan<float> queries, Span<float> scores, int slots)
    {
        switch (path)
        {
            case KernelPath.Avx512 or KernelPath.Avx512Vnni: Score<Avx512Floats, Vector512<float>>(head, queries, scores, slots); break;
            case KernelPath.Avx2: Score<Avx2Floats, Vector256<float>>(head, queries, scores, slots); break;
            case KernelPath.Vector128: Score<Vector128Floats, Vector128<float>>(head, queries, scores, slots); break;
            case KernelPath.Scalar: Score<ScalarFloats, float>(head, queries, scores, slots); break;
            default: throw new InvalidOperationException($"unknown path {path}");
        }
    }

    private static void Score<TLanes, TVector>(KeyValueHead head, ReadOnlySpan<float> queries, Span<float> scores, int slots)
        where TLanes : struct, IFloatLanes<TVector>
        where TVector : struct
    {
        if (head.View.IsHalf)
            Score<Halves<TLanes, TVector>, ushort, TLanes, TVector>(head, queries, scores, slots);
        else
            Score<Singles<TLanes, TVector>, float, TLanes, TVector>(head, queries, scores, slots);
    }

    private static void Score<TNumbers, TNumber, TLanes, TVector>(KeyValueHead head, ReadOnlySpan<float> queries, Span<float> scores, int slots)
        where TNumbers : struct, INumbers<TNumber, TVector>
        where TNumber : unmanaged
        where TLanes : struct, IFloatLanes<TVector>
        where TVector : struct
    {
        const int block = KeyValueView.BlockPositions;
        int width = head.Width, at = 0;
        ref float q = ref MemoryMarshal.GetReference(queries[..(head.Size * slots)]);
        ref float s = ref MemoryMarshal.GetReference(scores[..(width * slots)]);
        if (slots == 1)
        {
            for (; at + 4 * block <= width; at += 4 * block)
                ScoreOneByFour<TNumbers, TNumber, TLanes, TVector>(ref head.Keys<TNumber>(at), ref head.Keys<TNumber>(at + block), ref head.Keys<TNumber>(at + 2 * block), ref head.Keys<TNumber>(at + 3 * block), head.Size, ref q, ref Unsafe.Add(ref s, at));
            for (; at < width; at += block)
                ScoreOne<TNumbers, TNumber, TLanes, TVector>(ref head.Keys<TNumber>(at), head.Size, ref q, ref Unsafe.Add(ref s, at));
            return;
        }
        for (; at < width; at += block)
        {
            ref TNumber next = ref head.Keys<TNumber>(Math.Min(at + block, width - block));
            if (slots == Together)
                ScoreEight<TNumbers, TNumber, TLanes, TVector>(ref head.Keys<TNumber>(at), ref next, head.Size, ref q, ref Unsafe.Add(ref s, at), width);
            else
                ScoreFour<TNumbers, TNumber, TLanes, TVector>(ref head.Keys<TNumber>(at), ref next, head.Size, ref q, ref Unsafe.Add(ref s, at), width);
        }
    }

    // The scores of 16 keys: size · 16 keys and size · slots queries are read, 16 scores for each query are written; the callers have checked the spans for that.
    // The keys of the next block are asked for meanwhile.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ScoreOne<TNumbers, TNumber, TLanes, TVector>(ref TNumber keys, nint size, ref float queries, ref float scores)
        where TNumbers : struct, INumbers<TNumber, TVector>
        where TNumber : unmanaged
        where TLanes : struct, IFloatLanes<TVector>
        where TVector : struct
    {
        for (nint lane = 0; lane < KeyValueView.BlockPositions; lane += TLanes.Count)
        {
            TVector s0 = default;
            for (nint d = 0; d < size; d++)
                s0 = TLanes.MultiplyAdd(TNumbers.Load(ref keys, d * KeyValueView.BlockPositions + lane), Unsafe.Add(ref queries, d), s0);
            TLanes.Store(s0, ref scores, lane);
        }
    }

    // Four times 16 keys, so that no sum waits for itself.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ScoreOneByFour<TNumbers, TNumber, TLanes, TVector>(ref TNumber keys0, ref TNumber keys1, ref TNumber keys2, ref TNumber keys3, nint size, ref float queries, ref float scores)
        where TNumbers : struct, INumbers<TNumber, TVector>
        where TNumber : unmanaged
        where TLanes : struct, IFloatLanes<TVector>
        where TVector : struct
    {
        for (nint lane = 0; lane < KeyValueView.BlockPositions; lane += TLanes.Count)
        {
            TVector s0 = default, s1 = default, s2 = default, s3 = default;
            nint at = lane;
            for (nint d = 0; d < size; d++)
            {
                float q = Unsafe.Add(ref queries, d);
                s0 = TLanes.MultiplyAdd(TNumbers.Load(ref keys0, at), q, s0);
                s1 = TLanes.MultiplyAdd(TNumbers.Load(ref keys1, at), q, s1);
                s2 = TLanes.MultiplyAdd(TNumbers.Load(ref keys2, at), q, s2);
                s3 = TLanes.MultiplyAdd(TNumbers.Load(ref keys3, at), q, s3);
                at += KeyValueView.BlockPositions;
            }
            TLanes.Store(s0, ref scores, lane);
            TLanes.Store(s1, ref scores, lane + KeyValueView.BlockPositions);
            TLanes.Store(s2, ref scores, lane + 2 * KeyValueView.BlockPositions);
            TLanes.Store(s3, ref scores, lane + 3 * KeyValueView.BlockPositions);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ScoreFour<TNumbers, TNumber, TLanes, TVector>(ref TNumber keys, ref TNumber next, nint size, ref float queries, ref float scores, nint stride)
        where TNumbers : struct, INumbers<TNumber, TVector>
        where TNumber : unmanaged
        where TLanes : struct, IFloatLanes<TVector>
        where TVector : struct
    {
        for (nint lane = 0; lane < KeyValueView.BlockPositions; lane += TLanes.Count)
        {
            TVector s0 = default, s1 = default, s2 = default, s3 = default;
            ref TNumber k = ref Unsafe.Add(ref keys, lane);
            ref float q = ref queries;
            for (nint d = 0; d < size; d++)
            {
                CacheLines.Prefetch(ref Unsafe.Add(ref next, d * KeyValueView.BlockPositions + lane));
                TVector key = TNumbers.Load(ref k, 0);
                s0 = TLanes.MultiplyAdd(key, q, s0);
                s1 = TLanes.MultiplyAdd(key, Unsafe.Add(ref q, 1), s1);
                s2 = TLanes.MultiplyAdd(key, Unsafe.Add(ref q, 2), s2);
                s3 = TLanes.MultiplyAdd(key, Unsafe.Add(ref q, 3), s3);
                k = ref Unsafe.Add(ref k, KeyValueView.BlockPositions);
                q = ref Unsafe.Add(ref q, Together / 2);
            }
            TLanes.Store(s0, ref scores, lane);
            TLanes.Store(s1, ref scores, stride + lane);
            TLanes.Store(s2, ref scores, 2 * stride + lane);
            TLanes.Store(s3, ref scores, 3 * stride + lane);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ScoreEight<TNumbers, TNumber, TLanes, TVector>(ref TNumber keys, ref TNumber next, nint size, ref float queries, ref float scores, nint stride)
        where TNumbers : struct, INumbers<TNumber, TVector>
        where TNumber : unmanaged
        where TLanes : struct, IFloatLanes<TVector>
        where TVector : struct
    {
        for (nint lane = 0; lane < KeyValueView.BlockPositions; lane += TLanes.Count)
        {
            TVector s0 = default, s1 = default, s2 = default, s3 = default, s4 = default, s5 = default, s6 = default, s7 = default;
            ref TNumber k = ref Unsafe.Add(ref keys, lane);
            ref float q = ref queries;
            for (nint d = 0; d < size; d++)
            {
                CacheLines.Prefetch(ref Unsafe.Add(ref next, d * KeyValueView.BlockPositions + lane));
                TVector key = TNumbers.Load(ref k, 0);
                s0 = TLanes.MultiplyAdd(key, q, s0);
                s1 = TLanes.MultiplyAdd(key, Unsafe.Add(ref q, 1), s1);
                s2 = TLanes.MultiplyAdd(key, Unsafe.Add(ref q, 2), s2);
                s3 = TLanes.MultiplyAdd(key, Unsafe.Add(ref q, 3), s3);
                s4 = TLanes.MultiplyAdd(key, Unsafe.Add(ref q, 4), s4);
                s5 = TLanes.MultiplyAdd(key, Unsafe.Add(ref q, 5), s5);
                s6 = TLanes.MultiplyAdd(key, Unsafe.Add(ref q, 6), s6);
                s7 = TLanes.MultiplyAdd(key, Unsafe.Add(ref q, 7), s7);
                k = ref Unsafe.Add(ref k, KeyValueView.BlockPositions);
                q = ref Unsafe.Add(ref q, Together);
            }
            TLanes.Store(s0, ref scores, lane);
            TLanes.Store(s1, ref scores, stride + lane);
            TLanes.Store(s2, ref scores, 2 * stride + lane);
            TLanes.Store(s3, ref scores, 3 * stride + lane);
            TLanes.Store(s4, ref scores, 4 * stride + lane);
            TLanes.Store(s5, ref scores, 5 * stride + lane);
            TLanes.Store(s6, ref scores, 6 * stride + lane);
            TLanes.Store(s7, ref scores, 7 * stride + lane);
        }
    }

    private static void Gather(KernelPath path, KeyValueHead head, ReadOnlySpan<float> weights, int slots, ReadOnlySpan<float> reciprocals, ReadOnlySpan<Query> queries, Span<float> output)
    {
        switch (path)
        {
            case KernelPath.Avx512 or KernelPath.Avx512Vnni: Gather<Avx512Floats, Vector512<float>>(head, weights, slots, reciprocals, queries, output); break;
            case KernelPath.Avx2: Gather<Avx2Floats, Vector256<float>>(head, weights, slots, reciprocals, queries, output); break;
            case KernelPath.Vector128: Gather<Vector128Floats, Vector128<float>>(head, weights, slots, reciprocals, queries, output); break;
            case KernelPath.Scalar: Gather<ScalarFloats, float>(head, weights, slots, reciprocals, queries, output); break;
            default: throw new InvalidOperationException($"unknown path {path}");
        }
    }

    private static void Gather<TLanes, TVector>(KeyValueHead head, ReadOnlySpan<float> weights, int slots, ReadOnlySpan<float> reciprocals, ReadOnlySpan<Query> queries, Span<float> output)
        where TLanes : struct, IFloatLanes<TVector>
        where TVector : struct
    {
        if (head.View.IsHalf)
            Gather<Halves<TLanes, TVector>, Halves<ScalarFloats, float>, ushort, TLanes, TVector>(head, weights, slots, reciprocals, queries, output);
        else
            Gather<Singles<TLanes, TVector>, Singles<ScalarFloats, float>, float, TLanes, TVector>(head, weights, slots, reciprocals, queries, output);
    }

    private static void Gather<TNumbers, TScalars, TNumber, TLanes, TVector>(
        KeyValueHead head, ReadOnlySpan<float> weights, int slots, ReadOnlySpan<float> reciprocals, ReadOnlySpan<Query> queries, Span<float> output)
        where TNumbers : struct, INumbers<TNumber, TVector>
        where TScalars : struct, INumbers<TNumber, float>
        where TNumber : unmanaged
        where TLanes : struct, IFloatLanes<TVector>
        where TVector : struct
    {
        ref float w = ref MemoryMarshal.GetReference(weights[..(slots * head.Width)]);
        Span<float> sums = stackalloc float[2 * Together * MostLanes];
        ref float to = ref MemoryMarshal.GetReference(sums);
        // Sixteen registers hold the sums of eight queries by one vector, 32 those by two.
        int vectors = slots == 1 ? 4 : slots < Together || TLanes.Count == MostLanes ? 2 : 1, d = 0;
        for (; d + vectors * TLanes.Count <= head.Size; d += vectors * TLanes.Count)
        {
            switch (slots, vectors)
            {
                case (1, _): SumOneByFour<TNumbers, TNumber, TLanes, TVector>(head, d, ref w, ref to); break;
                case (Together, 2): SumEightByTwo<TNumbers, TNumber, TLanes, TVector>(head, d, ref w, ref to); break;
                case (Together, _): SumEight<TNumbers, TNumber, TLanes, TVector>(head, d, ref w, ref to); break;
                default: SumFourByTwo<TNumbers, TNumber, TLanes, TVector>(head, d, ref w, ref to); break;
            }
            Put(sums, vectors * TLanes.Count, d, reciprocals, queries, output);
        }
        // Head sizes that are no multiple of that.
        for (; d + TLanes.Count <= head.Size; d += TLanes.Count)
        {
            for (int i = 0; i < queries.Length; i++)
                SumOne<TNumbers, TNumber, TLanes, TVector>(head, d, ref Unsafe.Add(ref w, i * head.Width), ref Unsafe.Add(ref to, i * TLanes.Count));
            Put(sums, TLanes.Count, d, reciprocals, queries, output);
        }
        for (; d < head.Size; d++)
        {
            for (int i = 0; i < queries.Length; i++)
                SumOne<TScalars, TNumber, ScalarFloats, float>(head, d, ref Unsafe.Add(ref w, i * head.Width), ref Unsafe.Add(ref to, i));
            Put(sums, 1, d, reciprocals, queries, output);
        }
    }

    // Sums of columns over all positions, weighted for some queries, whose weights lie a width apart; what they write is [queries, vectors]. Values are checked for each block.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void SumOne<TNumbers, TNumber, TLanes, TVector>(KeyValueHead head, int column, ref float weights, ref float sums)
        where TNumbers : struct, INumbers<TNumber, TVector>
        where TNumber : unmanaged
        where TLanes : struct, IFloatLanes<TVector>
        where TVector : struct
    {
        TVector sum = default;
        for (int position = head.First; position <= head.Last;)
        {
            ref TNumber values = ref head.Values<TNumber>(position, column, TLanes.Count, out int count);
            ref float weight = ref Unsafe.Add(ref weights, position - head.Start);
            for (nint i = 0; i < count; i++)
                sum = TLanes.MultiplyAdd(TNumbers.Load(ref values, i * head.View.Width), Unsafe.Add(ref weight, i), sum);
            position += count;
        }
        TLanes.Store(sum, ref sums, 0);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void SumOneByFour<TNumbers, TNumber, TLanes, TVector>(KeyValueHead head, int column, ref float weights, ref float sums)
        where TNumbers : struct, INumbers<TNumber, TVector>
        where TNumber : unmanaged
        where TLanes : struct, IFloatLanes<TVector>
        where TVector : struct
    {
        TVector a0 = default;
        TVector b0 = default;
        TVector c0 = default;
        TVector d0 = default;
        nint width = head.Width, stride = head.View.Width;
        for (int position = head.First; position <= head.Last;)
        {
            ref TNumber values = ref head.Values<TNumber>(position, column, 4 * TLanes.Count, out int count);
            ref TNumber next = ref head.Values<TNumber>(Math.Min(position + count, head.Last), column, 4 * TLanes.Count, out _);
            ref float weight = ref Unsafe.Add(ref weights, position - head.Start);
            for (int i = 0; i < count; i++)
            {
                CacheLines.Prefetch(ref next);
                CacheLines.Prefetch(ref Unsafe.Add(ref next, TLanes.Count));
                CacheLines.Prefetch(ref Unsafe.Add(ref next, 2 * TLanes.Count));
                CacheLines.Prefetch(ref Unsafe.Add(ref next, 3 * TLanes.Count));
                next = ref Unsafe.Add(ref next, stride);
                TVector a = TNumbers.Load(ref values, 0);
                TVector b = TNumbers.Load(ref values, TLanes.Count);
                TVector c = TNumbers.Load(ref values, 2 * TLanes.Count);
                TVector d = TNumbers.Load(ref values, 3 * TLanes.Count);
                a0 = TLanes.MultiplyAdd(a, weight, a0);
                b0 = TLanes.MultiplyAdd(b, weight, b0);
                c0 = TLanes.MultiplyAdd(c, weight, c0);
                d0 = TLanes.MultiplyAdd(d, weight, d0);
                values = ref Unsafe.Add(ref values, stride);
                weight = ref Unsafe.Add(ref weight, 1);
            }
            position += count;
        }
        TLanes.Store(a0, ref sums, 0);
        TLanes.Store(b0, ref sums, TLanes.Count);
        TLanes.Store(c0, ref sums, 2 * TLanes.Count);
        TLanes.Store(d0, ref sums, 3 * TLanes.Count);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void SumFourByTwo<TNumbers, TNumber, TLanes, TVector>(KeyValueHead head, int column, ref float weights, ref float sums)
        where TNumbers : struct, INumbers<TNumber, TVector>
        where TNumber : unmanaged
        where TLanes : struct, IFloatLanes<TVector>
        where TVector : struct
    {
        TVector a0 = default, a1 = default, a2 = default, a3 = default;
        TVector b0 = default, b1 = default, b2 = default, b3 = default;
        nint width = head.Width, stride = head.View.Width;
        for (int position = head.First; position <= head.Last;)
        {
            ref TNumber values = ref head.Values<TNumber>(position, column, 2 * TLanes.Count, out int count);
            ref TNumber next = ref head.Values<TNumber>(Math.Min(position + count, head.Last), column, 2 * TLanes.Count, out _);
            ref float weight = ref Unsafe.Add(ref weights, position - head.Start);
            for (int i = 0; i < count; i++)
            {
                CacheLines.Prefetch(ref next);
                CacheLines.Prefetch(ref Unsafe.Add(ref next, TLanes.Count));
                next = ref Unsafe.Add(ref next, stride);
                TVector a = TNumbers.Load(ref values, 0);
                TVector b = TNumbers.Load(ref values, TLanes.Count);
                a0 = TLanes.MultiplyAdd(a, weight, a0);
                b0 = TLanes.MultiplyAdd(b, weight, b0);
                float w1 = Unsafe.Add(ref weight, width);
                a1 = TLanes.MultiplyAdd(a, w1, a1);
                b1 = TLanes.MultiplyAdd(b, w1, b1);
                float w2 = Unsafe.Add(ref weight, 2 * width);
                a2 = TLanes.MultiplyAdd(a, w2, a2);
                b2 = TLanes.MultiplyAdd(b, w2, b2);
                float w3 = Unsafe.Add(ref weight, 3 * width);
                a3 = TLanes.MultiplyAdd(a, w3, a3);
                b3 = TLanes.MultiplyAdd(b, w3, b3);
                values = ref Unsafe.Add(ref values, stride);
                weight = ref Unsafe.Add(ref weight, 1);
            }
            position += count;
        }
        TLanes.Store(a0, ref sums, 0);
        TLanes.Store(b0, ref sums, TLanes.Count);
        TLanes.Store(a1, ref sums, 2 * TLanes.Count);
        TLanes.Store(b1, ref sums, 3 * TLanes.Count);
        TLanes.Store(a2, ref sums, 4 * TLanes.Count);
        TLanes.Store(b2, ref sums, 5 * TLanes.Count);
        TLanes.Store(a3, ref sums, 6 * TLanes.Count);
        TLanes.Store(b3, ref sums, 7 * TLanes.Count);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void SumEight<TNumbers, TNumber, TLanes, TVector>(KeyValueHead head, int column, ref float weights, ref float sums)
        where TNumbers : struct, INumbers<TNumber, TVector>
        where TNumber : unmanaged
        where TLanes : struct, IFloatLanes<TVector>
        where TVector : struct
    {
        TVector a0 = default, a1 = default, a2 = default, a3 = default, a4 = default, a5 = default, a6 = default, a7 = default;
        nint width = head.Width, stride = head.View.Width;
        for (int position = head.First; position <= head.Last;)
        {
            ref TNumber values = ref head.Values<TNumber>(position, column, TLanes.Count, out int count);
            ref TNumber next = ref head.Values<TNumber>(Math.Min(position + count, head.Last), column, TLanes.Count, out _);
            ref float weight = ref Unsafe.Add(ref weights, position - head.Start);
            for (int i = 0; i < count; i++)
            {
                CacheLines.Prefetch(ref next);
                next = ref Unsafe.Add(ref next, stride);
                TVector a = TNumbers.Load(ref values, 0);
                a0 = TLanes.MultiplyAdd(a, weight, a0);
                a1 = TLanes.MultiplyAdd(a, Unsafe.Add(ref weight, width), a1);
                a2 = TLanes.MultiplyAdd(a, Unsafe.Add(ref weight, 2 * width), a2);
                a3 = TLanes.MultiplyAdd(a, Unsafe.Add(ref weight, 3 * width), a3);
                a4 = TLanes.MultiplyAdd(a, Unsafe.Add(ref weight, 4 * width), a4);
                a5 = TLanes.MultiplyAdd(a, Unsafe.Add(ref weight, 5 * width), a5);
                a6 = TLanes.MultiplyAdd(a, Unsafe.Add(ref weight, 6 * width), a6);
                a7 = TLanes.MultiplyAdd(a, Unsafe.Add(ref weight, 7 * width), a7);
                values = ref Unsafe.Add(ref values, stride);
                weight = ref Unsafe.Add(ref weight, 1);
            }
            position += count;
        }
        TLanes.Store(a0, ref sums, 0);
        TLanes.Store(a1, ref sums, TLanes.Count);
        TLanes.Store(a2, ref sums, 2 * TLanes.Count);
        TLanes.Store(a3, ref sums, 3 * TLanes.Count);
        TLanes.Store(a4, ref sums, 4 * TLanes.Count);
        TLanes.Store(a5, ref sums, 5 * TLanes.Count);
        TLanes.Store(a6, ref sums, 6 * TLanes.Count);
        TLanes.Store(a7, ref sums, 7 * TLanes.Count);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void SumEightByTwo<TNumbers, TNumber, TLanes, TVector>(KeyValueHead head, int column, ref float weights, ref float sums)
        where TNumbers : struct, INumbers<TNumber, TVector>
        where TNumber : unmanaged
        where TLanes : struct, IFloatLanes<TVector>
        where TVector : struct
    {
        TVector a0 = default, a1 = default, a2 = default, a3 = default, a4 = default, a5 = default, a6 = default, a7 = default;
        TVector b0 = default, b1 = default, b2 = default, b3 = default, b4 = default, b5 = default, b6 = default, b7 = default;
        nint width = head.Width, stride = head.View.Width;
        for (int position = head.First; position <= head.Last;)
        {
            ref TNumber values = ref head.Values<TNumber>(position, column, 2 * TLanes.Count, out int count);
            ref TNumber next = ref head.Values<TNumber>(Math.Min(position + count, head.Last), column, 2 * TLanes.Count, out _);
            ref float weight = ref Unsafe.Add(ref weights, position - head.Start);
            for (int i = 0; i < count; i++)
            {
                CacheLines.Prefetch(ref next);
                CacheLines.Prefetch(ref Unsafe.Add(ref next, TLanes.Count));
                next = ref Unsafe.Add(ref next, stride);
                TVector a = TNumbers.Load(ref values, 0);
                TVector b = TNumbers.Load(ref values, TLanes.Count);
                a0 = TLanes.MultiplyAdd(a, weight, a0);
                b0 = TLanes.MultiplyAdd(b, weight, b0);
                float w1 = Unsafe.Add(ref weight, width);
                a1 = TLanes.MultiplyAdd(a, w1, a1);
                b1 = TLanes.MultiplyAdd(b, w1, b1);
                float w2 = Unsafe.Add(ref weight, 2 * width);
                a2 = TLanes.MultiplyAdd(a, w2, a2);
                b2 = TLanes.MultiplyAdd(b, w2, b2);
                float w3 = Unsafe.Add(ref weight, 3 * width);
                a3 = TLanes.MultiplyAdd(a, w3, a3);
                b3 = TLanes.MultiplyAdd(b, w3, b3);
                float w4 = Unsafe.Add(ref weight, 4 * width);
                a4 = TLanes.MultiplyAdd(a, w4, a4);
                b4 = TLanes.MultiplyAdd(b, w4, b4);
                float w5 = Unsafe.Add(ref weight, 5 * width);
                a5 = TLanes.MultiplyAdd(a, w5, a5);
                b5 = TLanes.MultiplyAdd(b, w5, b5);
                float w6 = Unsafe.Add(ref weight, 6 * width);
                a6 = TLanes.MultiplyAdd(a, w6, a6);
                b6 = TLanes.MultiplyAdd(b, w6, b6);
                float w7 = Unsafe.Add(ref weight, 7 * width);
                a7 = TLanes.MultiplyAdd(a, w7, a7);
                b7 = TLanes.MultiplyAdd(b, w7, b7);
                values = ref Unsafe.Add(ref values, stride);
                weight = ref Unsafe.Add(ref weight, 1);
            }
            position += count;
        }
        TLanes.Store(a0, ref sums, 0);
        TLanes.Store(b0, ref sums, TLanes.Count);
        TLanes.Store(a1, ref sums, 2 * TLanes.Count);
        TLanes.Store(b1, ref sums, 3 * TLanes.Count);
        TLanes.Store(a2, ref sums, 4 * TLanes.Count);
        TLanes.Store(b2, ref sums, 5 * TLanes.Count);
        TLanes.Store(a3, ref sums, 6 * TLanes.Count);
        TLanes.Store(b3, ref sums, 7 * TLanes.Count);
        TLanes.Store(a4, ref sums, 8 * TLanes.Count);
        TLanes.Store(b4, ref sums, 9 * TLanes.Count);
        TLanes.Store(a5, ref sums, 10 * TLanes.Count);
        TLanes.Store(b5, ref sums, 11 * TLanes.Count);
        TLanes.Store(a6, ref sums, 12 * TLanes.Count);
        TLanes.Store(b6, ref sums, 13 * TLanes.Count);
        TLanes.Store(a7, ref sums, 14 * TLanes.Count);
        TLanes.Store(b7, ref sums, 15 * TLanes.Count);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Put(ReadOnlySpan<float> sums, int columns, int d, ReadOnlySpan<float> reciprocals, ReadOnlySpan<Query> queries, Span<float> output)
    {
        for (int i = 0; i < queries.Length; i++)
        {
            Span<float> to = output.Slice(queries[i].Output + d, columns);
            for (int column = 0; column < columns; column++)
                to[column] = sums[i * columns + column] * reciprocals[i];
        }
    }

    /// <summary>How keys and values are stored.</summary>
    private interface INumbers<TNumber, TVector>
    {
        static abstract TVector Load(ref TNumber source, nint index);
    }

    private readonly struct Singles<TLanes, TVector> : INumbers<float, TVector>
        where TLanes : struct, IFloatLanes<TVector>
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TVector Load(ref float source, nint index) => TLanes.Load(ref source, index);
    }

    private readonly struct Halves<TLanes, TVector> : INumbers<ushort, TVector>
        where TLanes : struct, IFloatLanes<TVector>
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TVector Load(ref ushort source, nint index) => TLanes.LoadBfloat16(ref source, index);
    }

    /// <summary>What the queries of a piece see: a head of keys and values.</summary>
    private readonly struct KeyValueHead(KeyValueView view, int head, int size, int start, int width, int first, int last)
    {
        public KeyValueView View => view;

        /// <summary>Columns of the head.</summary>
        public int Size => size;

        /// <summary>Its first column.</summary>
        public int Column => head * size;

        /// <summary>The first position of the first block.</summary>
        public int Start => start;

        /// <summary>Positions of all blocks.</summary>
        public int Width => width;

        /// <summary>The first position that a query sees.</summary>
        public int First => first;

        /// <summary>The last one.</summary>
        public int Last => last;

        /// <summary>The keys of a block, [size, 16].</summary>
        public ref TNumber Keys<TNumber>(int at)
            where TNumber : unmanaged =>
            ref MemoryMarshal.GetReference(view.Block<TNumber>(start + at).Slice(Column * KeyValueView.BlockPositions, size * KeyValueView.BlockPositions));

        /// <summary>Some columns of a position and of those that follow it in its block and are seen, which lie the view's width apart.</summary>
        public ref TNumber Values<TNumber>(int position, int column, int columns, out int count)
            where TNumber : unmanaged
        {
            int within = position % KeyValueView.BlockPositions;
            count = Math.Min(KeyValueView.BlockPositions - within, last - position + 1);
            // The last position's columns are inside of the block: the slice checks it.
            return ref MemoryMarshal.GetReference(
                view.Block<TNumber>(position)[((KeyValueView.BlockPositions + within) * view.Width + Column + column)..((KeyValueView.BlockPositions + within + count - 1) * view.Width + Column + column + columns)]);
        }
    }

    /// <summary>One head of one token.</summary>
    /// <param name="Head">The head.</param>
    /// <param name="Position">The token's position.</param>
    /// <param name="First">The first position that it sees.</param>
    /// <param name="Last">The last one.</param>
    /// <param name="Input">Where its query begins.</param>
    /// <param name="Output">Where its result goes.</param>
    private readonly record struct Query(int Head, int Position, int First, int Last, int Input, int Output);
}
