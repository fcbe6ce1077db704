using LlmService.Inference.Kernels;
using LlmService.Inference.Weights;

namespace LlmService.Inference.Tests.Weights;

public sealed class TiledMatrixTests
{
    private readonly Random _random = new(5);

    // The last three: tokens in several groups, beside tiles that fit the first-level cache and such that do not, and activations that are cut into chunks.
    public static TheoryData<int, int, int, int> Shapes => new(
        from format in new[] { (int)TileFormat.Q8, (int)TileFormat.Q4 }
        from shape in new[] { (1, 1, 1), (16, 32, 4), (17, 33, 5), (50, 100, 3), (33, 896, 9), (128, 31, 2), (7, 640, 1), (48, 64, 16), (21, 70, 40), (160, 96, 7), (55, 200, 27), (85, 1500, 19), (33, 4000, 140) }
        select (format, shape.Item1, shape.Item2, shape.Item3));

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Multiply_EveryPathAndBatch_GivesTheSameBits(int format, int rows, int columns, int tokens)
    {
        using WorkerPool workers = new(3);
        TiledMatrix matrix = TiledMatrix.Of((TileFormat)format, [MatrixSamples.Tensor(_random, rows, columns)], new Compute(KernelPaths.Best, workers));

        MatrixSamples.AssertSameBits(matrix, MatrixSamples.Numbers(_random, tokens * columns), tokens, workers);
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Multiply_QuantisedWeights_EqualsTheProductOfWhatTheyStandFor(int format, int rows, int columns, int tokens)
    {
        using WorkerPool workers = new(2);
        Compute compute = new(KernelPaths.Best, workers);
        TiledMatrix matrix = TiledMatrix.Of((TileFormat)format, [MatrixSamples.Tensor(_random, rows, columns)], compute);
        float[] input = MatrixSamples.Numbers(_random, tokens * columns), row = new float[columns];

        float[] output = MatrixSamples.Multiply(matrix, input, tokens, KernelPaths.Best, workers);

        for (int r = 0; r < rows; r++)
        {
            matrix.ReadRow(r, row);
            for (int t = 0; t < tokens; t++)
            {
                ReadOnlySpan<float> x = input.AsSpan(t * columns, columns);
                double sum = 0, size = 0;
                for (int k = 0; k < columns; k++)
                {
                    sum += (double)row[k] * x[k];
                    size += Math.Abs(row[k]);
                }
                // Half a step of the activations, whose largest is 1, and the rounding of the sums.
                double bound = size * (0.5 / 127) + 1e-5;
                Assert.InRange(output[t * rows + r] - sum, -bound, bound);
            }
        }
    }

    [Fact]
    public void ReadRow_Q8_IsWithinHalfAStep()
    {
        using WorkerPool workers = new(1);
        StoredTensor tensor = MatrixSamples.Tensor(_random, 20, 70);
        TiledMatrix matrix = TiledMatrix.Of(TileFormat.Q8, [tensor], new Compute(KernelPaths.Best, workers));
        float[] row = new float[70];

        for (int r = 0; r < 20; r++)
        {
            matrix.ReadRow(r, row);
            Assert.True(tensor.TryGetFloats(r, 1, out ReadOnlySpan<float> stored));
            // The scale is rounded up to 8 bits.
            for (int k = 0; k < 70; k++)
                Assert.InRange(row[k] - stored[k], -0.51f / 127, 0.51f / 127);
        }
    }

    [Fact]
    public void Of_Q4_ChoosesScalesWithASmallerErrorThanRoundingToTheLargest()
    {
        using WorkerPool workers = new(1);
        StoredTensor tensor = MatrixSamples.Tensor(_random, 64, 256);
        TiledMatrix matrix = TiledMatrix.Of(TileFormat.Q4, [tensor], new Compute(KernelPaths.Best, workers));
        float[] row = new float[256];
        double error = 0, plain = 0;

        for (int r = 0; r < 64; r++)
        {
            matrix.ReadRow(r, row);
            Assert.True(tensor.TryGetFloats(r, 1, out ReadOnlySpan<float> stored));
            for (int k = 0; k < 256; k++)
            {
                error += Math.Pow(row[k] - stored[k], 2);
                float highest = stored.Slice(k / 32 * 32, 32).ToArray().MaxBy(Math.Abs), scale = highest / -8;
                plain += Math.Pow(Math.Clamp(MathF.Round(stored[k] / scale), -8, 7) * scale - stored[k], 2);
            }
        }

        Assert.True(error < 0.97 * plain, $"{error} against {plain}");
    }

    [Theory]
    [InlineData(TileFormat.Q8)]
    [InlineData(TileFormat.Q4)]
    internal void Of_SeveralTensors_LieOneBelowTheOther(TileFormat format)
    {
        using WorkerPool workers = new(2);
        Compute compute = new(KernelPaths.Best, workers);
        StoredTensor[] tensors = [MatrixSamples.Tensor(_random, 5, 64), MatrixSamples.Tensor(_random, 40, 64), MatrixSamples.Tensor(_random, 19, 64)];
        TiledMatrix together = TiledMatrix.Of(format, tensors, compute);
        float[] input = MatrixSamples.Numbers(_random, 3 * 64);

        float[] all = MatrixSamples.Multiply(together, input, 3, KernelPaths.Best, workers);

        int first = 0;
        foreach (StoredTensor tensor in tensors)
        {
            int rows = (int)tensor.Shape[0];
            float[] alone = MatrixSamples.Multiply(TiledMatrix.Of(format, [tensor], compute), input, 3, KernelPaths.Best, workers);
            for (int t = 0; t < 3; t++)
                Assert.Equal(alone[(t * rows)..((t + 1) * rows)], all[(t * 64 + first)..(t * 64 + first + rows)]);
            first += rows;
        }
    }

    [Theory]
    [InlineData(true, 0f)]
    [InlineData(false, 128f)]
    public void Of_WholeNumbersWithAScaleForEachRow_AreKeptWithoutLoss(bool isSigned, float zero)
    {
        using WorkerPool workers = new(2);
        byte[] numbers = new byte[20 * 70];
        _random.NextBytes(numbers);
        float[] scales = [.. MatrixSamples.Numbers(_random, 20).Select(n => 0.001f + Math.Abs(n) / 100)];
        StoredTensor tensor = new(new TensorMemory("test", numbers), "w", isSigned ? TensorType.I8 : TensorType.U8, [20, 70], 0, numbers.Length)
        {
            Scaling = Scaling.Of(scales, [zero], 1, 70),
        };
        TiledMatrix matrix = TiledMatrix.Of(TileFormat.Q8, [tensor], new Compute(KernelPaths.Best, workers));
        float[] row = new float[70], stored = new float[70];

        for (int r = 0; r < 20; r++)
        {
            matrix.ReadRow(r, row);
            tensor.ReadRows(r, 1, stored);
            Assert.Equal(stored, row);
        }
    }

    [Fact]
    public void Multiply_ZerosAndTinyNumbers_GiveZeros()
    {
        using WorkerPool workers = new(1);
        TiledMatrix matrix = TiledMatrix.Of(TileFormat.Q4, [MatrixSamples.Tensor(_random, 16, 64)], new Compute(KernelPaths.Best, workers));

        Assert.All(MatrixSamples.Multiply(matrix, new float[64], 1, KernelPaths.Best, workers), value => Assert.Equal(0, value));
        Assert.All(MatrixSamples.Multiply(matrix, [.. Enumerable.Repeat(float.Epsilon, 64)], 1, KernelPaths.Best, workers), value => Assert.Equal(0, value));
    }
}
