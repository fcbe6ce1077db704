using System.Runtime.Intrinsics;

namespace LlmService.Inference.Kernels;

/// <summary>Layer norms, with sums in the fixed order of <see cref="MatrixKernels"/>.</summary>
internal static class NormKernels
{
    /// <summary>output = weight · (input - mean) / √(variance + ε) + bias (Ba et al. 2016). Input and output may be the same.</summary>
    /// <param name="path">Which kernels.</param>
    /// <param name="input">One row.</param>
    /// <param name="weight">As many; none for 1 everywhere.</param>
    /// <param name="bias">As many; none for 0 everywhere.</param>
    /// <param name="epsilon">ε.</param>
    /// <param name="output">Receives the row.</param>
    public static void LayerNorm(KernelPath path, ReadOnlySpan<float> input, ReadOnlySpan<float> weight, ReadOnlySpan<float> bias, float epsilon, Span<float> output)
    {
        output = output[..input.Length];
        Centre(path, input, output);
        ElementKernels.Scale(path, output, 1 / MathF.Sqrt(MatrixKernels.Dot(path, output, output) / input.Length + epsilon));
        if (!weight.IsEmpty)
            ElementKernels.Multiply(path, output, weight);
        if (!bias.IsEmpty)
            ElementKernels.Add(path, output, bias);
    }

    private static void Centre(KernelPath path, ReadOnlySpan<float> input, Span<float> output)
    {
        switch (path)
        {
            case KernelPath.Avx512 or KernelPath.Avx512Vnni: Centre<Avx512Floats, Vector512<float>>(input, output); break;
            case KernelPath.Avx2: Centre<Avx2Floats, Vector256<float>>(input, output); break;
            case KernelPath.Vector128: Centre<Vector128Floats, Vector128<float>>(input, output); break;
            case KernelPath.Scalar: Centre<ScalarFloats, float>(input, output); break;
            default: throw new InvalidOperationException($"unknown path {path}");
        }
    }

    private static void Centre<TLanes, TVector>(ReadOnlySpan<float> input, Span<float> output)
        where TLanes : struct, IFloatLanes<TVector>
        where TVector : struct =>
        ElementLoops<TLanes, TVector>.Shift(input, -ElementLoops<TLanes, TVector>.Sum(input) / input.Length, output);
}
