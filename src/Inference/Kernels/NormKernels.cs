using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace LlmService.Inference.Kernels;

/// <summary>Layer norms, with sums in the fixed order of <see cref="MatrixKernels"/>.</summary>
internal static class NormKernels
{
    private const int Lanes = 16, Width = 8;

    /// <summary>output = weight · (input - mean) / √(variance + ε) + bias (Ba et al. 2016). Input and output may be the same.</summary>
    /// <param name="path">Which kernels.</param>
    /// <param name="input">One row.</param>
    /// <param name="weight">As many; none for 1 everywhere.</param>
    /// <param name="bias">As many; none for 0 everywhere.</param>
    /// <param name="epsilon">ε.</param>
    /// <param name="output">Receives the row.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void LayerNorm(KernelPath path, ReadOnlySpan<float> input, ReadOnlySpan<float> weight, ReadOnlySpan<float> bias, float epsilon, Span<float> output)
    {
        output = output[..input.Length];
        float mean = Sum(path, input) / input.Length;
        Shift(path, input, -mean, output);
        float scale = 1 / MathF.Sqrt(MatrixKernels.Dot(path, output, output) / input.Length + epsilon);
        Scale(path, output, scale);
        if (!weight.IsEmpty)
            ElementKernels.Multiply(path, output, weight);
        if (!bias.IsEmpty)
            ElementKernels.Add(path, output, bias);
    }

    /// <summary>values[i] *= factor.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Scale(KernelPath path, Span<float> values, float factor)
    {
        int i = 0;
        if (path != KernelPath.Scalar)
        {
            for (; i <= values.Length - Width; i += Width)
                (Vector256.LoadUnsafe(ref values[i]) * factor).StoreUnsafe(ref values[i]);
        }
        for (; i < values.Length; i++)
            values[i] *= factor;
    }

    /// <summary>Sum of a row: 16 lanes, then the lanes in pairs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Sum(KernelPath path, ReadOnlySpan<float> values)
    {
        Span<float> lanes = stackalloc float[Lanes];
        lanes.Clear();
        int i = 0;
        if (path != KernelPath.Scalar)
        {
            Vector256<float> low = default, high = default;
            for (; i <= values.Length - Lanes; i += Lanes)
            {
                low += Vector256.LoadUnsafe(in values[i]);
                high += Vector256.LoadUnsafe(in values[i + Width]);
            }
            low.CopyTo(lanes);
            high.CopyTo(lanes[Width..]);
        }
        for (; i < values.Length; i++)
            lanes[i % Lanes] += values[i];
        return MatrixKernels.ReduceScalar(lanes);
    }

    private static void Shift(KernelPath path, ReadOnlySpan<float> input, float addend, Span<float> output)
    {
        int i = 0;
        if (path != KernelPath.Scalar)
        {
            Vector256<float> added = Vector256.Create(addend);
            for (; i <= input.Length - Width; i += Width)
                (Vector256.LoadUnsafe(in input[i]) + added).StoreUnsafe(ref output[i]);
        }
        for (; i < input.Length; i++)
            output[i] = input[i] + addend;
    }
}
