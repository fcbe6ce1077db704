using System.Runtime.Intrinsics;
using LlmService.Inference.Configuration;

namespace LlmService.Inference.Kernels;

/// <summary>Functions of single numbers and of rows. All instruction sets do the same operations on every element, so they give the same bits.</summary>
internal static class ElementKernels
{
    /// <summary>Turns scores into weights that are e^(score - highest), and returns the reciprocal of their sum.</summary>
    /// <param name="path">Which kernels.</param>
    /// <param name="scores">The scores.</param>
    /// <param name="sink">One more score, which takes its share of the sum and has no weight; minus infinity for none.</param>
    public static float SoftmaxWeights(KernelPath path, Span<float> scores, float sink = float.NegativeInfinity) => 1 / ExpSum(path, scores, sink, out _);

    /// <summary>Turns scores into e^(score - highest), and returns their sum.</summary>
    /// <param name="path">Which kernels.</param>
    /// <param name="scores">The scores.</param>
    /// <param name="sink">One more score, which counts in the sum; minus infinity for none.</param>
    /// <param name="highest">The highest of all.</param>
    public static float ExpSum(KernelPath path, Span<float> scores, float sink, out float highest) => path switch
    {
        KernelPath.Avx512 or KernelPath.Avx512Vnni => ElementLoops<Avx512Floats, Vector512<float>>.ExpSum(scores, sink, out highest),
        KernelPath.Avx2 => ElementLoops<Avx2Floats, Vector256<float>>.ExpSum(scores, sink, out highest),
        KernelPath.Vector128 => ElementLoops<Vector128Floats, Vector128<float>>.ExpSum(scores, sink, out highest),
        KernelPath.Scalar => ElementLoops<ScalarFloats, float>.ExpSum(scores, sink, out highest),
        _ => throw Unknown(path),
    };

    /// <summary>values = cap · tanh(values / cap): no value grows beyond the cap (Gemma 2).</summary>
    public static void SoftCap(KernelPath path, Span<float> values, float cap)
    {
        switch (path)
        {
            case KernelPath.Avx512 or KernelPath.Avx512Vnni: ElementLoops<Avx512Floats, Vector512<float>>.SoftCap(values, cap); break;
            case KernelPath.Avx2: ElementLoops<Avx2Floats, Vector256<float>>.SoftCap(values, cap); break;
            case KernelPath.Vector128: ElementLoops<Vector128Floats, Vector128<float>>.SoftCap(values, cap); break;
            case KernelPath.Scalar: ElementLoops<ScalarFloats, float>.SoftCap(values, cap); break;
            default: throw Unknown(path);
        }
    }

    /// <summary>The largest of each 32 numbers, the rows of a tile, and of those that are left over; none of them is expected to be no number.</summary>
    /// <param name="path">Which kernels.</param>
    /// <param name="values">The numbers.</param>
    /// <param name="highest">Receives one for 32, rounded up.</param>
    public static void HighestOfTiles(KernelPath path, ReadOnlySpan<float> values, Span<float> highest)
    {
        switch (path)
        {
            case KernelPath.Avx512 or KernelPath.Avx512Vnni: ElementLoops<Avx512Floats, Vector512<float>>.HighestOfTiles(values, highest); break;
            case KernelPath.Avx2: ElementLoops<Avx2Floats, Vector256<float>>.HighestOfTiles(values, highest); break;
            case KernelPath.Vector128: ElementLoops<Vector128Floats, Vector128<float>>.HighestOfTiles(values, highest); break;
            case KernelPath.Scalar: ElementLoops<ScalarFloats, float>.HighestOfTiles(values, highest); break;
            default: throw Unknown(path);
        }
    }

    /// <summary>values[i] *= factor.</summary>
    public static void Scale(KernelPath path, Span<float> values, float factor)
    {
        switch (path)
        {
            case KernelPath.Avx512 or KernelPath.Avx512Vnni: ElementLoops<Avx512Floats, Vector512<float>>.Scale(values, factor); break;
            case KernelPath.Avx2: ElementLoops<Avx2Floats, Vector256<float>>.Scale(values, factor); break;
            case KernelPath.Vector128: ElementLoops<Vector128Floats, Vector128<float>>.Scale(values, factor); break;
            case KernelPath.Scalar: ElementLoops<ScalarFloats, float>.Scale(values, factor); break;
            default: throw Unknown(path);
        }
    }

    /// <summary>output = weight · (input / √(mean(input²) + ε)), as RMSNorm and T5's layer norm have it.</summary>
    public static void RmsNorm(KernelPath path, ReadOnlySpan<float> input, ReadOnlySpan<float> weight, float epsilon, Span<float> output)
    {
        float scale = 1 / MathF.Sqrt(MatrixKernels.Dot(path, input, input) / input.Length + epsilon);
        switch (path)
        {
            case KernelPath.Avx512 or KernelPath.Avx512Vnni: ElementLoops<Avx512Floats, Vector512<float>>.Scale(input, weight, scale, output); break;
            case KernelPath.Avx2: ElementLoops<Avx2Floats, Vector256<float>>.Scale(input, weight, scale, output); break;
            case KernelPath.Vector128: ElementLoops<Vector128Floats, Vector128<float>>.Scale(input, weight, scale, output); break;
            case KernelPath.Scalar: ElementLoops<ScalarFloats, float>.Scale(input, weight, scale, output); break;
            default: throw Unknown(path);
        }
    }

    /// <summary>Applies an activation in place.</summary>
    public static void Activate(KernelPath path, Activation activation, Span<float> values)
    {
        switch (path)
        {
            case KernelPath.Avx512 or KernelPath.Avx512Vnni: ElementLoops<Avx512Floats, Vector512<float>>.Activate(activation, values); break;
            case KernelPath.Avx2: ElementLoops<Avx2Floats, Vector256<float>>.Activate(activation, values); break;
            case KernelPath.Vector128: ElementLoops<Vector128Floats, Vector128<float>>.Activate(activation, values); break;
            case KernelPath.Scalar: ElementLoops<ScalarFloats, float>.Activate(activation, values); break;
            default: throw Unknown(path);
        }
    }

    /// <summary>output[i] = activation(gate[i]) · up[i].</summary>
    public static void Gate(KernelPath path, Activation activation, ReadOnlySpan<float> gate, ReadOnlySpan<float> up, Span<float> output)
    {
        switch (path)
        {
            case KernelPath.Avx512 or KernelPath.Avx512Vnni: ElementLoops<Avx512Floats, Vector512<float>>.Gate(activation, gate, up, output); break;
            case KernelPath.Avx2: ElementLoops<Avx2Floats, Vector256<float>>.Gate(activation, gate, up, output); break;
            case KernelPath.Vector128: ElementLoops<Vector128Floats, Vector128<float>>.Gate(activation, gate, up, output); break;
            case KernelPath.Scalar: ElementLoops<ScalarFloats, float>.Gate(activation, gate, up, output); break;
            default: throw Unknown(path);
        }
    }

    /// <summary>values[i] *= factors[i].</summary>
    public static void Multiply(KernelPath path, Span<float> values, ReadOnlySpan<float> factors)
    {
        switch (path)
        {
            case KernelPath.Avx512 or KernelPath.Avx512Vnni: ElementLoops<Avx512Floats, Vector512<float>>.Multiply(values, factors); break;
            case KernelPath.Avx2: ElementLoops<Avx2Floats, Vector256<float>>.Multiply(values, factors); break;
            case KernelPath.Vector128: ElementLoops<Vector128Floats, Vector128<float>>.Multiply(values, factors); break;
            case KernelPath.Scalar: ElementLoops<ScalarFloats, float>.Multiply(values, factors); break;
            default: throw Unknown(path);
        }
    }

    /// <summary>values[i] += addend.</summary>
    public static void Add(KernelPath path, Span<float> values, float addend)
    {
        switch (path)
        {
            case KernelPath.Avx512 or KernelPath.Avx512Vnni: ElementLoops<Avx512Floats, Vector512<float>>.Shift(values, addend, values); break;
            case KernelPath.Avx2: ElementLoops<Avx2Floats, Vector256<float>>.Shift(values, addend, values); break;
            case KernelPath.Vector128: ElementLoops<Vector128Floats, Vector128<float>>.Shift(values, addend, values); break;
            case KernelPath.Scalar: ElementLoops<ScalarFloats, float>.Shift(values, addend, values); break;
            default: throw Unknown(path);
        }
    }

    /// <summary>values[i] += addends[i].</summary>
    public static void Add(KernelPath path, Span<float> values, ReadOnlySpan<float> addends)
    {
        switch (path)
        {
            case KernelPath.Avx512 or KernelPath.Avx512Vnni: ElementLoops<Avx512Floats, Vector512<float>>.Add(values, addends); break;
            case KernelPath.Avx2: ElementLoops<Avx2Floats, Vector256<float>>.Add(values, addends); break;
            case KernelPath.Vector128: ElementLoops<Vector128Floats, Vector128<float>>.Add(values, addends); break;
            case KernelPath.Scalar: ElementLoops<ScalarFloats, float>.Add(values, addends); break;
            default: throw Unknown(path);
        }
    }

    /// <summary>Rotates the pairs (i, i + half) of a head by the angles of a position (RoFormer, in the half-split layout of the Llama checkpoints).</summary>
    public static void Rotate(KernelPath path, Span<float> head, ReadOnlySpan<float> cosines, ReadOnlySpan<float> sines)
    {
        switch (path)
        {
            case KernelPath.Avx512 or KernelPath.Avx512Vnni: ElementLoops<Avx512Floats, Vector512<float>>.Rotate(head, cosines, sines); break;
            case KernelPath.Avx2: ElementLoops<Avx2Floats, Vector256<float>>.Rotate(head, cosines, sines); break;
            case KernelPath.Vector128: ElementLoops<Vector128Floats, Vector128<float>>.Rotate(head, cosines, sines); break;
            case KernelPath.Scalar: ElementLoops<ScalarFloats, float>.Rotate(head, cosines, sines); break;
            default: throw Unknown(path);
        }
    }

    /// <summary>Rotates the pairs (2i, 2i + 1) of a head by the angles of a position (RoFormer, in the layout of GPT-J and Cohere).</summary>
    public static void RotatePairs(Span<float> head, ReadOnlySpan<float> cosines, ReadOnlySpan<float> sines)
    {
        for (int i = 0; i < head.Length / 2; i++)
        {
            float a = head[2 * i], b = head[2 * i + 1];
            head[2 * i] = a * cosines[i] - b * sines[i];
            head[2 * i + 1] = b * cosines[i] + a * sines[i];
        }
    }

    /// <summary>e^x.</summary>
    public static float Exp(float x) => ElementLoops<ScalarFloats, float>.Exp(x);

    private static InvalidOperationException Unknown(KernelPath path) => new($"unknown path {path}");
}
