using LlmService.Inference.Kernels;
using LlmService.Inference.Weights;

namespace LlmService.Inference.Architectures;

/// <summary>A root-mean-square norm with weights.</summary>
internal sealed class Norm(float[] weights, float epsilon)
{
    public static Norm Read(WeightReader weights, string name, int size, float epsilon) => new(weights.Vector(name + ".weight", size), epsilon);

    /// <summary>Norms every row of [tokens, size].</summary>
    public void Apply(ReadOnlySpan<float> input, int tokens, Span<float> output, KernelPath path)
    {
        int size = weights.Length;
        for (int token = 0; token < tokens; token++)
            ElementKernels.RmsNorm(path, input.Slice(token * size, size), weights, epsilon, output.Slice(token * size, size));
    }
}
