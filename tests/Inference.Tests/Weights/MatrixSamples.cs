using System.Runtime.InteropServices;
using LlmService.Inference.Kernels;
using LlmService.Inference.Weights;

namespace LlmService.Inference.Tests.Weights;

/// <summary>Random matrices, and their products.</summary>
internal static class MatrixSamples
{
    public static float[] Multiply(WeightMatrix matrix, float[] input, int tokens, KernelPath path, WorkerPool workers)
    {
        float[] output = new float[tokens * matrix.Rows];
        matrix.Multiply(input, tokens, output, new Compute(path, workers));
        return output;
    }

    /// <summary>Requires that every path gives the same bits, to all tokens together and to each alone.</summary>
    public static void AssertSameBits(WeightMatrix matrix, float[] input, int tokens, WorkerPool workers)
    {
        using WorkerPool single = new(1);
        int rows = matrix.Rows, columns = matrix.Columns;
        float[] expected = Multiply(matrix, input, tokens, KernelPath.Scalar, single);
        foreach (KernelPath path in Enum.GetValues<KernelPath>().Where(KernelPaths.IsSupported))
        {
            Assert.Equal(expected, Multiply(matrix, input, tokens, path, workers));
            for (int token = 0; token < tokens; token++)
                Assert.Equal(expected[(token * rows)..((token + 1) * rows)], Multiply(matrix, input[(token * columns)..((token + 1) * columns)], 1, path, single));
        }
    }

    public static StoredTensor Tensor(Random random, int rows, int columns)
    {
        byte[] bytes = MemoryMarshal.AsBytes<float>(Numbers(random, rows * columns)).ToArray();
        return new StoredTensor(new TensorMemory("test", bytes), "w", TensorType.F32, [rows, columns], 0, bytes.Length);
    }

    /// <summary>Numbers between -1 and 1.</summary>
    public static float[] Numbers(Random random, int count) => [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() * 2 - 1)];
}
