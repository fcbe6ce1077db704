using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using LlmService.Inference.Kernels.Emitted;

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
    /// <summary>Queries that are computed together at most.</summary>
    public const int Together = 8;

    // What a piece costs before it multiplies anything, in multiplications.
    private const int PieceWork = 32 * 1024;

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
        int pieces = runs.Count * perRun;
        compute.Split(work + (long)pieces * PieceWork, pieces, (first, end) =>
        {
            Span<HeadQuery> together = stackalloc HeadQuery[Together];
            for (int piece = first; piece < end; piece++)
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
    private static void AttendTogether(KernelPath path, AttentionShape shape, KeyValueView view, int keyHead, ReadOnlySpan<HeadQuery> queries, ReadOnlySpan<float> input, Span<float> output)
    {
        int first = int.MaxValue, last = 0, size = shape.HeadSize;
        foreach (HeadQuery query in queries)
            (first, last) = (Math.Min(first, query.First), Math.Max(last, query.Last));
        int start = first / KeyValueView.BlockPositions * KeyValueView.BlockPositions;
        int width = (last / KeyValueView.BlockPositions + 1) * KeyValueView.BlockPositions - start;
        KeyValueHead head = new(view, keyHead, size, start, width, first, last);
        bool isEmitted = Bfloat16Kernels.Takes(path, head);
        // The kernels of the intrinsics take one query, four or eight.
        int slots = isEmitted ? queries.Length : queries.Length == 1 ? 1 : queries.Length <= Together / 2 ? Together / 2 : Together;
        float[] rented = ArrayPool<float>.Shared.Rent(slots * (width + size) + size);
        Span<float> scores = rented.AsSpan(0, slots * width), arranged = rented.AsSpan(slots * width, slots * size), row = rented.AsSpan(slots * (width + size), size);
        Span<uint> packedScores = MemoryMarshal.Cast<float, uint>(scores), packedQueries = MemoryMarshal.Cast<float, uint>(arranged);

        // 1. Queries, scaled, one behind the other for each column. Those that are missing repeat the first one.
        for (int i = 0; i < slots; i++)
        {
            input.Slice(queries[i < queries.Length ? i : 0].Input, size).CopyTo(row);
            if (shape.Scale != 1)
                ElementKernels.Scale(path, row, shape.Scale);
            if (isEmitted)
                HalfKernels.Pack(path, row, MemoryMarshal.Cast<float, uint>(row));
            else if (view.IsHalf)
                HalfKernels.Round(path, row);
            KeyValueView.Spread<float>(isEmitted ? row[..(size / 2)] : row, arranged[i..], slots);
        }

        // 2. Scores, and what comes of them.
        if (isEmitted)
            Bfloat16Kernels.Score(head, packedQueries, slots, scores);
        else
            ScoreKernels.Score(path, head, arranged, scores, slots);
        Span<float> reciprocals = stackalloc float[Together];
        int from = head.First - start, count = head.Last - head.First + 1;
        for (int i = 0; i < queries.Length; i++)
        {
            Span<float> weights = scores.Slice(i * width, width);
            reciprocals[i] = Weigh(path, shape, queries[i], weights, head);
            if (isEmitted)
                HalfKernels.Pack(path, weights.Slice(from, count), packedScores.Slice(i * width + from / 2, count / 2));
            else if (view.IsHalf)
                HalfKernels.Round(path, weights.Slice(from, count));
        }

        // 3. Sums of values. The queries are not needed any more, but their place is.
        if (isEmitted)
            Bfloat16Kernels.Gather(head, packedScores, slots, arranged);
        else
            ValueKernels.Gather(path, head, scores, slots, arranged);
        for (int i = 0; i < queries.Length; i++)
        {
            Span<float> result = output.Slice(queries[i].Output, size);
            arranged.Slice(i * size, size).CopyTo(result);
            ElementKernels.Scale(path, result, reciprocals[i]);
        }
        ArrayPool<float>.Shared.Return(rented);
    }

    /// <summary>Turns the scores of a query into weights that are not yet divided by their sum; zeros where only its companions look.</summary>
    private static float Weigh(KernelPath path, AttentionShape shape, HeadQuery query, Span<float> scores, KeyValueHead head)
    {
        int start = head.Start;
        Span<float> seen = scores[(query.First - start)..(query.Last - start + 1)];
        if (shape.ScoreCap > 0)
            ElementKernels.SoftCap(path, seen, shape.ScoreCap);
        shape.Bias?.Add(path, query.Head, query.First, query.Position, seen);
        scores[(head.First - start)..(query.First - start)].Clear();
        scores[(query.Last - start + 1)..(head.Last - start + 1)].Clear();
        return ElementKernels.SoftmaxWeights(path, seen, shape.Sinks?[query.Head] ?? float.NegativeInfinity);
    }
}

/// <summary>One head of one token.</summary>
/// <param name="Head">The head.</param>
/// <param name="Position">The token's position.</param>
/// <param name="First">The first position that it sees.</param>
/// <param name="Last">The last one.</param>
/// <param name="Input">Where its query begins.</param>
/// <param name="Output">Where its result goes.</param>
internal readonly record struct HeadQuery(int Head, int Position, int First, int Last, int Input, int Output);
