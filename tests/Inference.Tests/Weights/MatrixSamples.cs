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

    public static StoredTensor Tensor(Random random, int rows, int columns)
    {
        byte[] bytes = MemoryMarshal.AsBytes<float>(Numbers(random, rows * columns)).ToArray();
        return new StoredTensor(new TensorMemory("test", bytes), "w", TensorType.F32, [rows, columns], 0, bytes.Length);
    }

    /// <summary>Numbers between -1 and 1.</summary>
    public static float[] Numbers(Random random, int count) => [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() * 2 - 1)];
}
