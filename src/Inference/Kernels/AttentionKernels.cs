using System.Buffers;
using System.Runtime.CompilerServices;

namespace LlmService.Inference.Kernels;

/// <summary>Keys and values in blocks: each block holds the keys of its positions, [positions, width], then their values.</summary>
/// <param name="Blocks">By position / <paramref name="BlockPositions"/>; null where no position is seen any more.</param>
/// <param name="Offset">Where this layer's part of a block begins.</param>
/// <param name="BlockPositions">Positions in a block.</param>
/// <param name="Width">Key/value heads times head size.</param>
internal readonly record struct KeyValueView(float[]?[] Blocks, int Offset, int BlockPositions, int Width)
{
    public Span<float> Key(int position) => At(position, 0);

    public Span<float> Value(int position) => At(position, BlockPositions);

    /// <summary>The keys from a position to the end of its block, [positions, Width].</summary>
    public ReadOnlySpan<float> KeysFrom(int position) => From(position, 0);

    /// <summary>The values from a position to the end of its block, [positions, Width].</summary>
    public ReadOnlySpan<float> ValuesFrom(int position) => From(position, BlockPositions);

    private Span<float> At(int position, int skip) =>
        Blocks[position / BlockPositions]!.AsSpan(Offset + (skip + position % BlockPositions) * Width, Width);

    private ReadOnlySpan<float> From(int position, int skip)
    {
        int within = position % BlockPositions;
        return Blocks[position / BlockPositions]!.AsSpan(Offset + (skip + within) * Width, (BlockPositions - within) * Width);
    }
}

/// <summary>Added to the scores by the distance of key and query (T5).</summary>
internal interface IScoreBias
{
    float Get(int head, int keyPosition, int queryPosition);
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
internal sealed record AttentionShape(int HeadCount, int KeyValueHeadCount, int HeadSize, float Scale, IScoreBias? Bias = null);

/// <summary>Scaled dot-product attention of single query tokens over blocks. Each (token, head) is computed alone and in the order of positions, so its bits depend on nothing else.</summary>
internal static class AttentionKernels
{
    /// <summary>output[t] = attention of queries[t].</summary>
    /// <param name="compute">Kernels and threads.</param>
    /// <param name="shape">Shapes.</param>
    /// <param name="tokens">What each query sees.</param>
    /// <param name="queries">[tokens, stride]; a row begins with heads × head size numbers.</param>
    /// <param name="stride">Length of a row of queries.</param>
    /// <param name="output">Receives [tokens, heads × head size].</param>
    public static void Attend(Compute compute, AttentionShape shape, IReadOnlyList<AttentionQuery> tokens, ReadOnlyMemory<float> queries, int stride, Memory<float> output)
    {
        int pieces = tokens.Count * shape.HeadCount;
        long work = 0;
        foreach (AttentionQuery token in tokens)
            work += 2L * (token.Last - token.First + 1) * shape.HeadCount * shape.HeadSize;
        int parts = compute.Parts(work, pieces);
        compute.Run(parts, part =>
        {
            int first = (int)((long)pieces * part / parts), last = (int)((long)pieces * (part + 1) / parts);
            for (int piece = first; piece < last; piece++)
            {
                int token = piece / shape.HeadCount, head = piece % shape.HeadCount;
                int start = (token * shape.HeadCount + head) * shape.HeadSize;
                AttendHead(compute.Path, shape, tokens[token], head, queries.Span.Slice(token * stride + head * shape.HeadSize, shape.HeadSize), output.Span.Slice(start, shape.HeadSize));
            }
        });
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AttendHead(KernelPath path, AttentionShape shape, AttentionQuery token, int head, ReadOnlySpan<float> query, Span<float> output)
    {
        int count = token.Last - token.First + 1;
        int start = head / (shape.HeadCount / shape.KeyValueHeadCount) * shape.HeadSize;
        float[] rented = ArrayPool<float>.Shared.Rent(count);
        Span<float> scores = rented.AsSpan(0, count);
        int width = token.View.Width;
        for (int i = 0; i < count;)
        {
            ReadOnlySpan<float> keys = token.View.KeysFrom(token.First + i);
            for (int at = start; at < keys.Length && i < count; at += width)
                scores[i++] = MatrixKernels.Dot(path, query, keys.Slice(at, shape.HeadSize)) * shape.Scale;
        }
        if (shape.Bias is { } bias)
        {
            for (int i = 0; i < count; i++)
                scores[i] += bias.Get(head, token.First + i, token.Position);
        }
        float reciprocal = ElementKernels.SoftmaxWeights(path, scores);
        output.Clear();
        for (int i = 0; i < count;)
        {
            ReadOnlySpan<float> values = token.View.ValuesFrom(token.First + i);
            for (int at = start; at < values.Length && i < count; at += width)
                MatrixKernels.AddScaled(path, scores[i++] * reciprocal, values.Slice(at, shape.HeadSize), output);
        }
        ArrayPool<float>.Shared.Return(rented);
    }
}
