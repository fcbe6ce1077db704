using LlmService.Inference.Kernels;

namespace LlmService.Inference.Tests.Kernels;

public sealed class AttentionKernelsTests
{
    private readonly Random _random = new(11);

    public static TheoryData<int, int, int, int, bool> Shapes => new(
        from shape in new[]
        {
            (4, 2, 8, 37), (3, 1, 5, 1), (2, 2, 33, 50), (2, 1, 34, 50), (8, 8, 64, 300), (14, 2, 64, 33), (12, 3, 80, 70), (10, 1, 48, 66),
            (1, 1, 16, 130), (2, 1, 32, 90), (3, 1, 16, 17), (5, 1, 48, 40), (6, 1, 96, 65), (7, 1, 64, 71), (8, 1, 112, 16),
            // More than one span of positions.
            (2, 1, 16, 1025), (6, 2, 32, 2300),
        }
        from isHalf in new[] { false, true }
        where !isHalf || shape.Item3 % 2 == 0
        select (shape.Item1, shape.Item2, shape.Item3, shape.Item4, isHalf));

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Attend_Blocks_EqualsTheNaiveFormulaOnEveryPath(int heads, int keyValueHeads, int headSize, int positions, bool isHalf)
    {
        int stride = heads * headSize + 7;
        KeyValueView view = Fill(positions, keyValueHeads, headSize, isHalf), other = Fill(positions, keyValueHeads, headSize, isHalf);
        List<AttentionQuery> tokens =
            [new(view, 0, positions - 1, positions - 1), new(view, positions / 2, positions - 1, positions - 1), new(view, 0, 0, 0), new(other, positions / 3, positions / 2, positions / 2), new(view, 0, positions / 2, positions / 2)];
        float[] queries = Numbers(tokens.Count * stride);
        AttentionShape shape = new(heads, keyValueHeads, headSize, 0.3f, new DistanceBias()) { Sinks = positions % 2 == 0 ? Numbers(heads) : null };
        using WorkerPool workers = new(3), single = new(1);
        // Queries and weights are rounded to eight bits with the halves: each weight is off by up to 1/512 by its own rounding, and by the error of its score, of the same size.
        double tolerance = isHalf ? 1.0 / 256 : 1e-5;

        float[] scalar = Attend(KernelPath.Scalar, workers, shape, tokens, queries, stride);

        foreach (KernelPath path in Enum.GetValues<KernelPath>().Where(KernelPaths.IsSupported))
        {
            Assert.Equal(scalar, Attend(path, workers, shape, tokens, queries, stride));
            Assert.Equal(scalar, Attend(path, single, shape, tokens, queries, stride));
            for (int t = 0; t < tokens.Count; t++)
                Assert.Equal(scalar[(t * heads * headSize)..((t + 1) * heads * headSize)], Attend(path, workers, shape, [tokens[t]], queries[(t * stride)..((t + 1) * stride)], stride));
        }
        for (int i = 0; i < scalar.Length; i++)
            Assert.Equal(Naive(shape, tokens[i / (heads * headSize)], queries[(i / (heads * headSize) * stride)..], i % (heads * headSize)), scalar[i], tolerance);
    }

    // A query whose past ends where a span does, beside one that begins the next; many tokens, so that threads take whole pieces, beside single ones, whose spans are spread.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Attend_WindowsAcrossSpans_GivesTheSameBitsForManyTokensAndOne(bool isHalf)
    {
        const int heads = 2, size = 16, positions = 2100, window = 8, count = 40;
        KeyValueView view = Fill(positions, 1, size, isHalf);
        List<AttentionQuery> tokens = [.. Enumerable.Range(AttentionKernels.SpanPositions - count / 2, count).Select(position => new AttentionQuery(view, position - window + 1, position, position)), new(view, 0, positions - 1, positions - 1)];
        float[] queries = Numbers(tokens.Count * heads * size);
        AttentionShape shape = new(heads, 1, size, 0.3f, new DistanceBias());
        using WorkerPool workers = new(2);

        float[] all = Attend(KernelPaths.Best, workers, shape, tokens, queries, heads * size);

        for (int t = 0; t < tokens.Count; t++)
            Assert.Equal(all[(t * heads * size)..((t + 1) * heads * size)], Attend(KernelPaths.Best, workers, shape, [tokens[t]], queries[(t * heads * size)..((t + 1) * heads * size)], heads * size));
        for (int i = 0; i < all.Length; i++)
            Assert.Equal(Naive(shape, tokens[i / (heads * size)], queries[(i / (heads * size) * heads * size)..], i % (heads * size)), all[i], isHalf ? 1.0 / 128 : 1e-5);
    }

    [Fact]
    public void Attend_SlidingWindow_NeverTouchesReturnedBlocks()
    {
        KeyValueView view = Fill(32, 1, 4, isHalf: false);
        view.Blocks[0] = null;
        using WorkerPool workers = new(1);

        float[] output = Attend(KernelPaths.Best, workers, new AttentionShape(1, 1, 4, 1), [new(view, 16, 20, 20)], Numbers(4), 4);

        Assert.All(output, v => Assert.True(float.IsFinite(v)));
    }

    [Fact]
    public void Write_Halves_RoundsToTheNearest()
    {
        float[] keys = [1 + 1f / 256, 1 + 3f / 256, float.NaN, -3], values = [-1e30f, float.Epsilon, float.PositiveInfinity, float.NaN];
        foreach (KernelPath path in Enum.GetValues<KernelPath>().Where(KernelPaths.IsSupported))
        {
            KeyValueView view = Fill(16, 1, 4, isHalf: true);
            float next = view.Value(4, 3);

            view.Write(path, 5, 1, keys, values, 4);

            Assert.Equal([1, 1 + 1f / 64, float.NaN, -3], Enumerable.Range(0, 4).Select(column => view.Key(5, column)));
            Assert.Equal(-1e30f, view.Value(5, 0), 1e30f / 256);
            Assert.Equal([0, float.PositiveInfinity, float.NaN], Enumerable.Range(1, 3).Select(column => view.Value(5, column)));
            Assert.Equal(next, view.Value(4, 3));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Write_InPieces_StoresTheSameOnEveryPath(bool isHalf)
    {
        const int heads = 2, size = 22, width = heads * size;
        float[] rows = Numbers(16 * 2 * width);
        float[][] stored = [.. from path in Enum.GetValues<KernelPath>().Where(KernelPaths.IsSupported) from pieces in new int[][] { [16], [1, 2, 3, 4, 6], [5, 11] } select Stored(path, pieces)];

        Assert.All(stored, other => Assert.Equal(stored[0], other));

        float[] Stored(KernelPath path, int[] pieces)
        {
            KeyValueView view = new([new float[32 * width]], 0, heads, size, isHalf);
            int first = 0;
            foreach (int count in pieces)
            {
                view.Write(path, first, count, rows.AsSpan(first * 2 * width), rows.AsSpan(first * 2 * width + width), 2 * width);
                first += count;
            }
            return [.. from position in Enumerable.Range(0, 16) from column in Enumerable.Range(0, width) from number in new[] { view.Key(position, column), view.Value(position, column) } select number];
        }
    }

    private static float[] Attend(KernelPath path, WorkerPool workers, AttentionShape shape, List<AttentionQuery> tokens, float[] queries, int stride)
    {
        float[] output = new float[tokens.Count * shape.HeadCount * shape.HeadSize];
        AttentionKernels.Attend(new Compute(path, workers), shape, tokens, queries, stride, output);
        return output;
    }

    // What was never written is not a number, and must not matter.
    private KeyValueView Fill(int positions, int heads, int size, bool isHalf)
    {
        const int offset = 3;
        int width = heads * size;
        KeyValueView view = new([.. Enumerable.Range(0, (positions + 15) / 16).Select(_ => new float[offset + 32 * width])], offset, heads, size, isHalf);
        foreach (float[]? block in view.Blocks)
            block.AsSpan().Fill(float.NaN);
        for (int position = 0; position < positions; position++)
            view.Write(KernelPath.Scalar, position, 1, Numbers(width), Numbers(width), width);
        return view;
    }

    private static double Naive(AttentionShape shape, AttentionQuery token, float[] queries, int output)
    {
        int head = output / shape.HeadSize % shape.HeadCount, column = output % shape.HeadSize;
        int start = head / (shape.HeadCount / shape.KeyValueHeadCount) * shape.HeadSize;
        double total = shape.Sinks is { } sinks ? Math.Exp(sinks[head]) : 0, sum = 0;
        for (int position = token.First; position <= token.Last; position++)
        {
            double score = 0;
            for (int k = 0; k < shape.HeadSize; k++)
                score += (double)queries[output - column + k] * token.View.Key(position, start + k);
            double weight = Math.Exp(score * shape.Scale + Bias(shape, head, position, token.Position));
            total += weight;
            sum += weight * token.View.Value(position, start + column);
        }
        return sum / total;
    }

    private static float Bias(AttentionShape shape, int head, int key, int query)
    {
        float[] score = [0];
        shape.Bias!.Add(KernelPath.Scalar, head, key, query, score);
        return score[0];
    }

    private float[] Numbers(int count) => [.. Enumerable.Range(0, count).Select(_ => (float)(_random.NextDouble() * 2 - 1))];

    private sealed class DistanceBias : IScoreBias
    {
        public void Add(KernelPath path, int head, int firstKey, int query, Span<float> scores)
        {
            for (int i = 0; i < scores.Length; i++)
                scores[i] -= 0.01f * (head + 1) * (query - firstKey - i);
        }
    }
}
