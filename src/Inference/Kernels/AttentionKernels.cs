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
/// that each key and value is read once for all of them. Positions go in spans, whose softmaxes are joined (Milakov, Gimelshein 2018): scores stay in the first-level cache, and the
/// threads share a long past. The sums of a query run in the order of columns and positions, and of spans, so its bits depend on nothing else.
/// </summary>
internal static class AttentionKernels
{
    /// <summary>Queries that are computed together at most.</summary>
    public const int Together = 8;

    /// <summary>Positions of a span: the scores of eight queries are 32 KiB.</summary>
    public const int SpanPositions = 1024;

    // With fewer pieces for each thread the spans are spread among the threads too.
    private const int PiecesPerThread = 4;

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
        int headParts = (group + Together - 1) / Together;
        List<AttentionPiece> pieces = Pieces(tokens, Math.Max(1, Together / group), shape.KeyValueHeadCount * headParts);
        int spans = 1;
        long work = (long)pieces.Count * PieceWork;
        foreach (AttentionPiece piece in pieces)
        {
            // All parts of the heads see the same.
            if (piece.Part > 0)
                continue;
            int first = int.MaxValue, last = 0;
            foreach (AttentionQuery query in CollectionsMarshal.AsSpan(tokens).Slice(piece.Token, piece.Count))
            {
                work += 2L * (query.Last - query.First + 1) * shape.HeadCount * shape.HeadSize;
                (first, last) = (Math.Min(first, query.First), Math.Max(last, query.Last));
            }
            spans = Math.Max(spans, last / SpanPositions - first / SpanPositions + 1);
        }

        // 2. Each piece alone, and where these are few each span too.
        if (pieces.Count >= PiecesPerThread * compute.ThreadCount)
            spans = 1;
        int sums = SpanSums.Numbers(shape.HeadSize);
        float[] parts = spans > 1 ? ArrayPool<float>.Shared.Rent(checked(pieces.Count * spans * sums)) : [];
        compute.Split(work, pieces.Count * spans, (first, end) =>
        {
            Span<HeadQuery> together = stackalloc HeadQuery[Together];
            for (int unit = first; unit < end; unit++)
            {
                AttentionPiece piece = pieces[unit / spans];
                Span<HeadQuery> queriesOf = together[..Fill(piece, together)];
                KeyValueView view = tokens[piece.Token].View;
                if (spans == 1)
                    AttendTogether(compute.Path, shape, view, piece.Part / headParts, queriesOf, queries.Span, output.Span);
                else
                    AttendSpan(compute.Path, shape, view, piece.Part / headParts, queriesOf, queries.Span, First(queriesOf) / SpanPositions + unit % spans, parts.AsSpan(unit * sums, sums));
            }
        });
        if (spans == 1)
            return;

        // 3. The spans of each piece, in their order.
        Span<HeadQuery> joined = stackalloc HeadQuery[Together];
        for (int piece = 0; piece < pieces.Count; piece++)
        {
            int count = Fill(pieces[piece], joined);
            SpanSums whole = new(parts.AsSpan(piece * spans * sums, sums), shape.HeadSize);
            for (int span = 1; span < spans; span++)
                whole.Join(compute.Path, new(parts.AsSpan((piece * spans + span) * sums, sums), shape.HeadSize), count);
            whole.Write(compute.Path, joined[..count], output.Span);
        }
        ArrayPool<float>.Shared.Return(parts);

        int Fill(AttentionPiece piece, Span<HeadQuery> together)
        {
            int firstHead = piece.Part / headParts * group + piece.Part % headParts * Together, heads = Math.Min(Together, group - piece.Part % headParts * Together), count = 0;
            for (int t = piece.Token; t < piece.Token + piece.Count; t++)
            {
                for (int head = firstHead; head < firstHead + heads; head++)
                    together[count++] = new(head, tokens[t].Position, tokens[t].First, tokens[t].Last, t * stride + head * shape.HeadSize, (t * shape.HeadCount + head) * shape.HeadSize);
            }
            return count;
        }
    }

    // Of a sequence all tokens pass by a part of the heads before the next one: what they see of these stays in the second-level cache.
    private static List<AttentionPiece> Pieces(List<AttentionQuery> tokens, int together, int parts)
    {
        List<AttentionPiece> pieces = [];
        for (int first = 0, end; first < tokens.Count; first = end)
        {
            for (end = first + 1; end < tokens.Count && ReferenceEquals(tokens[first].View.Blocks, tokens[end].View.Blocks);)
                end++;
            for (int part = 0; part < parts; part++)
            {
                for (int token = first; token < end; token += together)
                    pieces.Add(new(token, Math.Min(together, end - token), part));
            }
        }
        return pieces;
    }

    private static int First(ReadOnlySpan<HeadQuery> queries)
    {
        int first = int.MaxValue;
        foreach (HeadQuery query in queries)
            first = Math.Min(first, query.First);
        return first;
    }

    private static int Last(ReadOnlySpan<HeadQuery> queries)
    {
        int last = 0;
        foreach (HeadQuery query in queries)
            last = Math.Max(last, query.Last);
        return last;
    }

    private static void AttendTogether(KernelPath path, AttentionShape shape, KeyValueView view, int keyHead, ReadOnlySpan<HeadQuery> queries, ReadOnlySpan<float> input, Span<float> output)
    {
        int sums = SpanSums.Numbers(shape.HeadSize), first = First(queries) / SpanPositions, last = Last(queries) / SpanPositions;
        float[] rented = ArrayPool<float>.Shared.Rent(2 * sums);
        SpanSums whole = new(rented.AsSpan(0, sums), shape.HeadSize);
        AttendSpan(path, shape, view, keyHead, queries, input, first, rented.AsSpan(0, sums));
        for (int span = first + 1; span <= last; span++)
        {
            AttendSpan(path, shape, view, keyHead, queries, input, span, rented.AsSpan(sums, sums));
            whole.Join(path, new(rented.AsSpan(sums, sums), shape.HeadSize), queries.Length);
        }
        whole.Write(path, queries, output);
        ArrayPool<float>.Shared.Return(rented);
    }

    /// <summary>What the queries see of a span; nothing where it is before or behind all that they see.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AttendSpan(
        KernelPath path, AttentionShape shape, KeyValueView view, int keyHead, ReadOnlySpan<HeadQuery> queries, ReadOnlySpan<float> input, int span, Span<float> memory)
    {
        SpanSums sums = new(memory, shape.HeadSize);
        int first = Math.Max(First(queries), span * SpanPositions), last = Math.Min(Last(queries), span * SpanPositions + (SpanPositions - 1)), size = shape.HeadSize;
        if (first > last)
        {
            sums.Clear(queries.Length);
            return;
        }
        int start = first / KeyValueView.BlockPositions * KeyValueView.BlockPositions;
        int width = (last / KeyValueView.BlockPositions + 1) * KeyValueView.BlockPositions - start;
        KeyValueHead head = new(view, keyHead, start, width, first, last);
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
        int from = head.First - start, count = head.Last - head.First + 1;
        for (int i = 0; i < queries.Length; i++)
        {
            Span<float> weights = scores.Slice(i * width, width);
            sums.Sums[i] = Weigh(path, shape, queries[i], weights, head, first, last, out sums.Highest[i]);
            if (isEmitted)
                HalfKernels.Pack(path, weights.Slice(from, count), packedScores.Slice(i * width + from / 2, count / 2));
            else if (view.IsHalf)
                HalfKernels.Round(path, weights.Slice(from, count));
        }

        // 3. Sums of values.
        if (isEmitted)
            Bfloat16Kernels.Gather(head, packedScores, slots, sums.Values);
        else
            ValueKernels.Gather(path, head, scores, slots, sums.Values);
        ArrayPool<float>.Shared.Return(rented);
    }

    /// <summary>Turns the scores of a query into weights that are not yet divided by their sum, and returns that; zeros where only its companions look.</summary>
    private static float Weigh(KernelPath path, AttentionShape shape, HeadQuery query, Span<float> scores, in KeyValueHead head, int first, int last, out float highest)
    {
        int start = head.Start;
        (first, last) = (Math.Max(first, query.First), Math.Min(last, query.Last));
        if (first > last)
        {
            scores[(head.First - start)..(head.Last - start + 1)].Clear();
            highest = 0;
            return 0;
        }
        Span<float> seen = scores[(first - start)..(last - start + 1)];
        if (shape.ScoreCap > 0)
            ElementKernels.SoftCap(path, seen, shape.ScoreCap);
        shape.Bias?.Add(path, query.Head, first, query.Position, seen);
        scores[(head.First - start)..(first - start)].Clear();
        scores[(last - start + 1)..(head.Last - start + 1)].Clear();
        // A sink counts once.
        return ElementKernels.ExpSum(path, seen, first == query.First && shape.Sinks is { } sinks ? sinks[query.Head] : float.NegativeInfinity, out highest);
    }
}

/// <summary>Queries that are computed together.</summary>
/// <param name="Token">The first token.</param>
/// <param name="Count">How many tokens.</param>
/// <param name="Part">Which part of the heads.</param>
internal readonly record struct AttentionPiece(int Token, int Count, int Part);

/// <summary>One head of one token.</summary>
/// <param name="Head">The head.</param>
/// <param name="Position">The token's position.</param>
/// <param name="First">The first position that it sees.</param>
/// <param name="Last">The last one.</param>
/// <param name="Input">Where its query begins.</param>
/// <param name="Output">Where its result goes.</param>
internal readonly record struct HeadQuery(int Head, int Position, int First, int Last, int Input, int Output);
