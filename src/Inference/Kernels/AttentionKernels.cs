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
/// Scaled dot-product attention over blocks of keys and values. Up to four queries that see the same keys (heads of a group, tokens of a prompt) are computed together, so
/// that each key and value is read once for all of them. The sums of a query run in the order of columns and positions, so its bits depend on nothing else.
/// </summary>
internal static class AttentionKernels
{
    private const int Together = 4;

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

    private static void AttendTogether(KernelPath path, AttentionShape shape, KeyValueView view, int keyHead, ReadOnlySpan<Query> queries, ReadOnlySpan<float> input, Span<float> output)
    {
        int first = int.MaxValue, last = 0, size = shape.HeadSize;
        foreach (Query query in queries)
            (first, last) = (Math.Min(first, query.First), Math.Max(last, query.Last));
        int start = first / KeyValueView.BlockPositions * KeyValueView.BlockPositions;
        int width = (last / KeyValueView.BlockPositions + 1) * KeyValueView.BlockPositions - start;
        float[] rented = ArrayPool<float>.Shared.Rent(Together * (width + size));
        Span<float> scores = rented.AsSpan(0, Together * width), scaled = rented.AsSpan(Together * width, Together * size);
        for (int i = 0; i < Together; i++)
        {
            // Queries that are missing repeat the first one.
            ReadOnlySpan<float> query = input.Slice(queries[i < queries.Length ? i : 0].Input, size);
            for (int d = 0; d < size; d++)
                scaled[d * Together + i] = query[d] * shape.Scale;
        }
        Score(path, view, keyHead, size, start, width, scaled, scores, queries.Length);
        Span<float> reciprocals = stackalloc float[Together];
        for (int i = 0; i < queries.Length; i++)
            reciprocals[i] = Weigh(path, shape, queries[i], scores.Slice(i * width, width), start, first, last);
        Gather(path, view, keyHead, size, start, width, first, last, scores, reciprocals, queries, output);
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

    private static void Score(KernelPath path, KeyValueView view, int keyHead, int size, int start, int width, ReadOnlySpan<float> queries, Span<float> scores, int count)
    {
        for (int at = 0; at < width; at += KeyValueView.BlockPositions)
        {
            ReadOnlySpan<float> keys = view.Block(start + at).Slice(keyHead * size * KeyValueView.BlockPositions, size * KeyValueView.BlockPositions);
            ref float k = ref MemoryMarshal.GetReference(keys);
            ref float q = ref MemoryMarshal.GetReference(queries[..(size * Together)]);
            ref float s = ref MemoryMarshal.GetReference(scores[at..(at + (Together - 1) * width + KeyValueView.BlockPositions)]);
            switch (path)
            {
                case KernelPath.Avx512 or KernelPath.Avx512Vnni: ScoreBlock<Avx512Floats, Vector512<float>>(ref k, size, ref q, ref s, width, count); break;
                case KernelPath.Avx2: ScoreBlock<Avx2Floats, Vector256<float>>(ref k, size, ref q, ref s, width, count); break;
                case KernelPath.Vector128: ScoreBlock<Vector128Floats, Vector128<float>>(ref k, size, ref q, ref s, width, count); break;
                case KernelPath.Scalar: ScoreBlock<ScalarFloats, float>(ref k, size, ref q, ref s, width, count); break;
                default: throw new InvalidOperationException($"unknown path {path}");
            }
        }
    }

    // Reads size · 16 keys and size · 4 queries, writes four runs of 16 scores; the caller has cut the spans to that.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ScoreBlock<TLanes, TVector>(ref float keys, int size, ref float queries, ref float scores, nint stride, int count)
        where TLanes : struct, IFloatLanes<TVector>
        where TVector : struct
    {
        for (nint lane = 0; lane < KeyValueView.BlockPositions; lane += TLanes.Count)
        {
            TVector s0 = default, s1 = default, s2 = default, s3 = default;
            ref float k = ref Unsafe.Add(ref keys, lane);
            ref float q = ref queries;
            if (count == 1)
            {
                for (int d = 0; d < size; d++)
                {
                    s0 = TLanes.MultiplyAdd(TLanes.Load(ref k, 0), q, s0);
                    k = ref Unsafe.Add(ref k, KeyValueView.BlockPositions);
                    q = ref Unsafe.Add(ref q, Together);
                }
                TLanes.Store(s0, ref scores, lane);
                continue;
            }
            for (int d = 0; d < size; d++)
            {
                TVector key = TLanes.Load(ref k, 0);
                s0 = TLanes.MultiplyAdd(key, q, s0);
                s1 = TLanes.MultiplyAdd(key, Unsafe.Add(ref q, 1), s1);
                s2 = TLanes.MultiplyAdd(key, Unsafe.Add(ref q, 2), s2);
                s3 = TLanes.MultiplyAdd(key, Unsafe.Add(ref q, 3), s3);
                k = ref Unsafe.Add(ref k, KeyValueView.BlockPositions);
                q = ref Unsafe.Add(ref q, Together);
            }
            TLanes.Store(s0, ref scores, lane);
            TLanes.Store(s1, ref scores, stride + lane);
            TLanes.Store(s2, ref scores, 2 * stride + lane);
            TLanes.Store(s3, ref scores, 3 * stride + lane);
        }
    }

    private static void Gather(KernelPath path, KeyValueView view, int keyHead, int size, int start, int width, int first, int last,
        ReadOnlySpan<float> weights, ReadOnlySpan<float> reciprocals, ReadOnlySpan<Query> queries, Span<float> output)
    {
        switch (path)
        {
            case KernelPath.Avx512 or KernelPath.Avx512Vnni: GatherValues<Avx512Floats, Vector512<float>>(view, keyHead * size, size, start, width, first, last, weights, reciprocals, queries, output); break;
            case KernelPath.Avx2: GatherValues<Avx2Floats, Vector256<float>>(view, keyHead * size, size, start, width, first, last, weights, reciprocals, queries, output); break;
            case KernelPath.Vector128: GatherValues<Vector128Floats, Vector128<float>>(view, keyHead * size, size, start, width, first, last, weights, reciprocals, queries, output); break;
            case KernelPath.Scalar: GatherValues<ScalarFloats, float>(view, keyHead * size, size, start, width, first, last, weights, reciprocals, queries, output); break;
            default: throw new InvalidOperationException($"unknown path {path}");
        }
    }

    private static void GatherValues<TLanes, TVector>(KeyValueView view, int column, int size, int start, int width, int first, int last,
        ReadOnlySpan<float> weights, ReadOnlySpan<float> reciprocals, ReadOnlySpan<Query> queries, Span<float> output)
        where TLanes : struct, IFloatLanes<TVector>
        where TVector : struct
    {
        int d = 0;
        for (; d + 2 * TLanes.Count <= size; d += 2 * TLanes.Count)
            GatherColumns<TLanes, TVector>(view, column + d, d, 2 * TLanes.Count, start, width, first, last, weights, reciprocals, queries, output);
        for (; d < size; d++)
            GatherColumns<ScalarFloats, float>(view, column + d, d, 1, start, width, first, last, weights, reciprocals, queries, output);
    }

    /// <summary>Sums of one or two vectors of columns over all positions.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void GatherColumns<TLanes, TVector>(KeyValueView view, int column, int d, int columns, int start, int width, int first, int last,
        ReadOnlySpan<float> weights, ReadOnlySpan<float> reciprocals, ReadOnlySpan<Query> queries, Span<float> output)
        where TLanes : struct, IFloatLanes<TVector>
        where TVector : struct
    {
        TVector a0 = default, a1 = default, a2 = default, a3 = default, b0 = default, b1 = default, b2 = default, b3 = default;
        bool isPair = columns > TLanes.Count, isSingle = queries.Length == 1;
        ref float w = ref MemoryMarshal.GetReference(weights[..(Together * width)]);
        for (int position = first; position <= last;)
        {
            int within = position % KeyValueView.BlockPositions, count = Math.Min(KeyValueView.BlockPositions - within, last - position + 1);
            // The last position's columns are inside of the block: the slice checks it.
            Span<float> values = view.Block(position)[((KeyValueView.BlockPositions + within) * view.Width + column)..((KeyValueView.BlockPositions + within + count - 1) * view.Width + column + columns)];
            ref float v = ref MemoryMarshal.GetReference(values);
            ref float weight = ref Unsafe.Add(ref w, position - start);
            for (int i = 0; i < count; i++)
            {
                TVector a = TLanes.Load(ref v, 0), b = isPair ? TLanes.Load(ref v, TLanes.Count) : default;
                a0 = TLanes.MultiplyAdd(a, weight, a0);
                b0 = TLanes.MultiplyAdd(b, weight, b0);
                if (!isSingle)
                {
                    float w1 = Unsafe.Add(ref weight, width), w2 = Unsafe.Add(ref weight, 2 * width), w3 = Unsafe.Add(ref weight, 3 * width);
                    a1 = TLanes.MultiplyAdd(a, w1, a1);
                    b1 = TLanes.MultiplyAdd(b, w1, b1);
                    a2 = TLanes.MultiplyAdd(a, w2, a2);
                    b2 = TLanes.MultiplyAdd(b, w2, b2);
                    a3 = TLanes.MultiplyAdd(a, w3, a3);
                    b3 = TLanes.MultiplyAdd(b, w3, b3);
                }
                v = ref Unsafe.Add(ref v, view.Width);
                weight = ref Unsafe.Add(ref weight, 1);
            }
            position += count;
        }
        Put<TLanes, TVector>(a0, b0, 0, d, columns, reciprocals, queries, output);
        Put<TLanes, TVector>(a1, b1, 1, d, columns, reciprocals, queries, output);
        Put<TLanes, TVector>(a2, b2, 2, d, columns, reciprocals, queries, output);
        Put<TLanes, TVector>(a3, b3, 3, d, columns, reciprocals, queries, output);
    }

    private static void Put<TLanes, TVector>(TVector a, TVector b, int index, int d, int columns, ReadOnlySpan<float> reciprocals, ReadOnlySpan<Query> queries, Span<float> output)
        where TLanes : struct, IFloatLanes<TVector>
    {
        if (index >= queries.Length)
            return;
        ref float to = ref MemoryMarshal.GetReference(output.Slice(queries[index].Output + d, columns));
        TLanes.Store(TLanes.Multiply(a, reciprocals[index]), ref to, 0);
        if (columns > TLanes.Count)
            TLanes.Store(TLanes.Multiply(b, reciprocals[index]), ref to, TLanes.Count);
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
