using LlmService.Inference.Kernels;

namespace LlmService.Inference.Tests.Kernels;

public sealed class AttentionKernelsTests
{
    private readonly Random _random = new(11);

    [Theory]
    [InlineData(4, 2, 8, 37, 16)]
    [InlineData(3, 1, 5, 1, 16)]
    [InlineData(2, 2, 33, 50, 7)]
    [InlineData(8, 8, 64, 300, 16)]
    public void Attend_Blocks_EqualsTheNaiveFormula(int heads, int keyValueHeads, int headSize, int positions, int blockPositions)
    {
        int width = keyValueHeads * headSize;
        const int offset = 3;
        float[]?[] blocks = [.. Enumerable.Range(0, (positions + blockPositions - 1) / blockPositions).Select(_ => Numbers(offset + 2 * blockPositions * width))];
        KeyValueView view = new(blocks, offset, blockPositions, width);
        AttentionQuery[] tokens = [new(view, 0, positions - 1, positions - 1), new(view, positions / 2, positions - 1, positions - 1), new(view, 0, 0, 0)];
        float[] queries = Numbers(tokens.Length * heads * headSize);
        AttentionShape shape = new(heads, keyValueHeads, headSize, 0.3f, new DistanceBias());
        using WorkerPool workers = new(3);
        float[] vector = new float[queries.Length], scalar = new float[queries.Length];

        AttentionKernels.Attend(new Compute(KernelPaths.Best, workers), shape, tokens, queries, heads * headSize, vector);
        AttentionKernels.Attend(new Compute(KernelPath.Scalar, workers), shape, tokens, queries, heads * headSize, scalar);

        Assert.Equal(scalar, vector);
        for (int i = 0; i < vector.Length; i++)
            Assert.Equal(Naive(shape, tokens[i / (heads * headSize)], queries, i), vector[i], 1e-5);
    }

    [Fact]
    public void Attend_SlidingWindow_NeverTouchesReturnedBlocks()
    {
        float[]?[] blocks = [null, Numbers(2 * 16 * 4)];
        AttentionQuery[] tokens = [new(new KeyValueView(blocks, 0, 16, 4), 16, 20, 20)];
        using WorkerPool workers = new(1);
        float[] output = new float[4];

        AttentionKernels.Attend(new Compute(KernelPaths.Best, workers), new AttentionShape(1, 1, 4, 1), tokens, Numbers(4), 4, output);

        Assert.All(output, v => Assert.True(float.IsFinite(v)));
    }

    private static double Naive(AttentionShape shape, AttentionQuery token, float[] queries, int output)
    {
        int head = output / shape.HeadSize % shape.HeadCount, column = output % shape.HeadSize;
        int start = head / (shape.HeadCount / shape.KeyValueHeadCount) * shape.HeadSize;
        double total = 0, sum = 0;
        for (int position = token.First; position <= token.Last; position++)
        {
            double score = 0;
            for (int k = 0; k < shape.HeadSize; k++)
                score += (double)queries[output - column + k] * token.View.Key(position)[start + k];
            double weight = Math.Exp(score * shape.Scale + shape.Bias!.Get(head, position, token.Position));
            total += weight;
            sum += weight * token.View.Value(position)[start + column];
        }
        return sum / total;
    }

    private float[] Numbers(int count) => [.. Enumerable.Range(0, count).Select(_ => (float)(_random.NextDouble() * 2 - 1))];

    private sealed class DistanceBias : IScoreBias
    {
        public float Get(int head, int keyPosition, int queryPosition) => -0.01f * (head + 1) * (queryPosition - keyPosition);
    }
}
