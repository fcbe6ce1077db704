using LlmService.Inference.Kernels;
using LlmService.Inference.Weights;

namespace LlmService.Inference.Tests.Weights;

public sealed class RefinedMatrixTests
{
    // More tiles than are refined, and fewer; whole tiles and a part of one.
    private const int ManyRows = 5003, Columns = 96;

    private readonly Random _random = new(11);

    [Theory]
    [InlineData(ManyRows, 1)]
    [InlineData(ManyRows, 5)]
    [InlineData(ManyRows, 19)]
    [InlineData(333, 3)]
    [InlineData(16, 1)]
    [InlineData(1, 2)]
    public void Multiply_EveryPathAndBatch_GivesTheSameBits(int rows, int tokens)
    {
        using WorkerPool workers = new(3);
        (RefinedMatrix matrix, _, _) = Matrix(rows, workers);

        MatrixSamples.AssertSameBits(matrix, MatrixSamples.Numbers(_random, tokens * Columns), tokens, workers);
    }

    // With a bias other tiles have the largest results than without.
    [Theory]
    [InlineData(0f)]
    [InlineData(20f)]
    public void Multiply_ManyRows_RefinesTheTilesOfTheLargestResultsAndNoOther(float biases)
    {
        using WorkerPool workers = new(2);
        float[] bias = [.. MatrixSamples.Numbers(_random, ManyRows).Select(number => number * biases)];
        (RefinedMatrix matrix, TiledMatrix coarse, TiledMatrix rest) = Matrix(ManyRows, workers, biases == 0 ? null : bias);
        float[] input = MatrixSamples.Numbers(_random, 3 * Columns);
        float[] first = MatrixSamples.Multiply(coarse, input, 3, KernelPaths.Best, workers), second = MatrixSamples.Multiply(rest, input, 3, KernelPaths.Best, workers);

        float[] refined = MatrixSamples.Multiply(matrix, input, 3, KernelPaths.Best, workers);

        for (int token = 0; token < 3; token++)
        {
            float[] results = [.. first[(token * ManyRows)..((token + 1) * ManyRows)].Zip(bias, (result, added) => result + added)];
            int[] chosen = [.. Enumerable.Range(0, TileLayout.Tiles(ManyRows)).OrderByDescending(tile => results[(tile * TileLayout.Rows)..Math.Min(ManyRows, (tile + 1) * TileLayout.Rows)].Max()).Take(RefinedMatrix.RefinedTiles)];
            for (int row = 0; row < ManyRows; row++)
                Assert.Equal(results[row] + (chosen.Contains(row / TileLayout.Rows) ? second[token * ManyRows + row] : 0), refined[token * ManyRows + row]);
        }
    }

    [Fact]
    public void ReadRow_BothParts_IsAsExactAsEightBits()
    {
        using WorkerPool workers = new(1);
        StoredTensor tensor = MatrixSamples.Tensor(_random, 200, Columns);
        Compute compute = new(KernelPaths.Best, workers);
        TiledMatrix coarse = TiledMatrix.Of(TileFormat.Q4, [tensor], compute), bytes = TiledMatrix.Of(TileFormat.Q8, [tensor], compute);
        RefinedMatrix matrix = new(coarse, TiledMatrix.Of(TileFormat.Q4, [tensor], compute, coarse), null);

        double refined = Error(matrix, tensor);

        Assert.InRange(refined, 0, 1.3 * Error(bytes, tensor));
        Assert.InRange(refined, 0, Error(coarse, tensor) / 10);
    }

    private static double Error(WeightMatrix matrix, StoredTensor tensor)
    {
        float[] row = new float[Columns], stored = new float[Columns];
        double error = 0;
        for (int r = 0; r < matrix.Rows; r++)
        {
            matrix.ReadRow(r, row);
            tensor.ReadRows(r, 1, stored);
            error += row.Zip(stored, (a, b) => Math.Pow(a - b, 2)).Sum();
        }
        return Math.Sqrt(error);
    }

    private (RefinedMatrix Refined, TiledMatrix Coarse, TiledMatrix Lacking) Matrix(int rows, WorkerPool workers, float[]? bias = null)
    {
        StoredTensor tensor = MatrixSamples.Tensor(_random, rows, Columns);
        Compute compute = new(KernelPaths.Best, workers);
        TiledMatrix coarse = TiledMatrix.Of(TileFormat.Q4, [tensor], compute), rest = TiledMatrix.Of(TileFormat.Q4, [tensor], compute, coarse);
        return (new RefinedMatrix(coarse, rest, bias), coarse, rest);
    }
}
