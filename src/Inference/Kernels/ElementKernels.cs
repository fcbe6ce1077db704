using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using LlmService.Inference.Configuration;

namespace LlmService.Inference.Kernels;

/// <summary>Functions of single numbers and of rows. The vector path and its scalar twin do the same operations on every element, so they give the same bits.</summary>
internal static class ElementKernels
{
    private const int Lanes = 16;

    // exp: range reduction by ln 2 in two parts, then a polynomial of degree 6 (Cephes, expf); relative error below 2e-7.
    private const float ExpLowest = -87.33f, ExpHighest = 88f, Log2E = 1.44269504f, Ln2High = 0.693359375f, Ln2Low = -2.12194440e-4f;
    private const float P0 = 1.9875691500e-4f, P1 = 1.3981999507e-3f, P2 = 8.3334519073e-3f, P3 = 4.1665795894e-2f, P4 = 1.6666665459e-1f, P5 = 5.0000001201e-1f;

    // erf: Abramowitz and Stegun 7.1.26; absolute error below 1.5e-7.
    private const float ErfP = 0.3275911f, E1 = 0.254829592f, E2 = -0.284496736f, E3 = 1.421413741f, E4 = -1.453152027f, E5 = 1.061405429f;
    private const float SqrtHalf = 0.70710678f, SqrtTwoOverPi = 0.7978845608f, GeluCubic = 0.044715f;

    /// <summary>Turns scores into weights that are e^(score - highest), and returns the reciprocal of their sum.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float SoftmaxWeights(KernelPath path, Span<float> scores)
    {
        float highest = float.NegativeInfinity;
        foreach (float score in scores)
            highest = MathF.Max(highest, score);
        return 1 / (path != KernelPath.Scalar ? ExpSumVector(scores, highest) : ExpSumScalar(scores, highest));
    }

    /// <summary>output = weight · (input / √(mean(input²) + ε)), as RMSNorm and T5's layer norm have it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void RmsNorm(KernelPath path, ReadOnlySpan<float> input, ReadOnlySpan<float> weight, float epsilon, Span<float> output)
    {
        float scale = 1 / MathF.Sqrt(MatrixKernels.Dot(path, input, input) / input.Length + epsilon);
        for (int i = 0; i < input.Length; i++)
            output[i] = weight[i] * (input[i] * scale);
    }

    /// <summary>Applies an activation in place.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Activate(KernelPath path, Activation activation, Span<float> values)
    {
        if (path != KernelPath.Scalar)
        {
            ref float start = ref MemoryMarshal.GetReference(values);
            int i = 0;
            for (; i <= values.Length - Lanes; i += Lanes)
                Activate(activation, Vector512.LoadUnsafe(ref start, (nuint)i)).StoreUnsafe(ref start, (nuint)i);
            if (i == values.Length)
                return;
            Span<float> tail = stackalloc float[Lanes];
            Activate(activation, MatrixKernels.Tail(values[i..])).CopyTo(tail);
            tail[..(values.Length - i)].CopyTo(values[i..]);
        }
        else
        {
            for (int i = 0; i < values.Length; i++)
                values[i] = Activate(activation, values[i]);
        }
    }

    /// <summary>values[i] *= factors[i].</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply(Span<float> values, ReadOnlySpan<float> factors)
    {
        for (int i = 0; i < values.Length; i++)
            values[i] *= factors[i];
    }

    /// <summary>values[i] += addends[i].</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Add(Span<float> values, ReadOnlySpan<float> addends)
    {
        for (int i = 0; i < values.Length; i++)
            values[i] += addends[i];
    }

    /// <summary>Rotates the pairs (i, i + half) of a head by the angles of a position (RoFormer, in the half-split layout of the Llama checkpoints).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Rotate(Span<float> head, ReadOnlySpan<float> cosines, ReadOnlySpan<float> sines)
    {
        int half = head.Length / 2;
        for (int i = 0; i < half; i++)
        {
            float a = head[i], b = head[i + half];
            head[i] = a * cosines[i] - b * sines[i];
            head[i + half] = b * cosines[i] + a * sines[i];
        }
    }

    /// <summary>e^x.</summary>
    public static float Exp(float x)
    {
        x = MathF.Min(MathF.Max(x, ExpLowest), ExpHighest);
        float n = MathF.Round(x * Log2E);
        float r = MathF.FusedMultiplyAdd(-n, Ln2Low, MathF.FusedMultiplyAdd(-n, Ln2High, x));
        float p = MathF.FusedMultiplyAdd(P0, r, P1);
        p = MathF.FusedMultiplyAdd(p, r, P2);
        p = MathF.FusedMultiplyAdd(p, r, P3);
        p = MathF.FusedMultiplyAdd(p, r, P4);
        p = MathF.FusedMultiplyAdd(p, r, P5);
        return (MathF.FusedMultiplyAdd(p, r * r, r) + 1) * BitConverter.Int32BitsToSingle(((int)n + 127) << 23);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Exp(Vector512<float> x)
    {
        x = Vector512.Min(Vector512.Max(x, Vector512.Create(ExpLowest)), Vector512.Create(ExpHighest));
        Vector512<float> n = Vector512.Round(x * Log2E);
        Vector512<float> r = Vector512.FusedMultiplyAdd(-n, Vector512.Create(Ln2Low), Vector512.FusedMultiplyAdd(-n, Vector512.Create(Ln2High), x));
        Vector512<float> p = Vector512.FusedMultiplyAdd(Vector512.Create(P0), r, Vector512.Create(P1));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(P2));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(P3));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(P4));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(P5));
        Vector512<int> exponent = Vector512.ShiftLeft(Vector512.ConvertToInt32(n) + Vector512.Create(127), 23);
        return (Vector512.FusedMultiplyAdd(p, r * r, r) + Vector512<float>.One) * exponent.AsSingle();
    }

    private static float ExpSumScalar(Span<float> scores, float highest)
    {
        Span<float> lanes = stackalloc float[Lanes];
        lanes.Clear();
        for (int i = 0; i < scores.Length; i++)
        {
            scores[i] = Exp(scores[i] - highest);
            lanes[i % Lanes] += scores[i];
        }
        return MatrixKernels.ReduceScalar(lanes);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float ExpSumVector(Span<float> scores, float highest)
    {
        Vector512<float> offset = Vector512.Create(highest), sum = Vector512<float>.Zero;
        ref float start = ref MemoryMarshal.GetReference(scores);
        int i = 0;
        for (; i <= scores.Length - Lanes; i += Lanes)
        {
            Vector512<float> weights = Exp(Vector512.LoadUnsafe(ref start, (nuint)i) - offset);
            weights.StoreUnsafe(ref start, (nuint)i);
            sum += weights;
        }
        if (i < scores.Length)
        {
            Span<float> tail = stackalloc float[Lanes];
            Exp(MatrixKernels.Tail(scores[i..]) - offset).CopyTo(tail);
            tail[..(scores.Length - i)].CopyTo(scores[i..]);
            sum += MatrixKernels.Tail(scores[i..]);
        }
        return MatrixKernels.Reduce(sum);
    }

    private static float Activate(Activation activation, float x) => activation switch
    {
        Activation.Relu => MathF.Max(x, 0),
        Activation.Silu => x / (1 + Exp(-x)),
        Activation.Gelu => 0.5f * x * (1 + Erf(x * SqrtHalf)),
        Activation.GeluTanh => 0.5f * x * (1 + Tanh(SqrtTwoOverPi * MathF.FusedMultiplyAdd(GeluCubic * x * x, x, x))),
        _ => throw new InvalidOperationException($"unknown activation {activation}"),
    };

    private static Vector512<float> Activate(Activation activation, Vector512<float> x) => activation switch
    {
        Activation.Relu => Vector512.Max(x, Vector512<float>.Zero),
        Activation.Silu => x / (Vector512<float>.One + Exp(-x)),
        Activation.Gelu => 0.5f * x * (Vector512<float>.One + Erf(x * SqrtHalf)),
        Activation.GeluTanh => 0.5f * x * (Vector512<float>.One + Tanh(SqrtTwoOverPi * Vector512.FusedMultiplyAdd(GeluCubic * x * x, x, x))),
        _ => throw new InvalidOperationException($"unknown activation {activation}"),
    };

    private static float Tanh(float x) => 1 - 2 / (Exp(2 * x) + 1);

    private static Vector512<float> Tanh(Vector512<float> x) =>
        Vector512<float>.One - Vector512.Create(2f) / (Exp(2 * x) + Vector512<float>.One);

    private static float Erf(float x)
    {
        float magnitude = MathF.Abs(x);
        float t = 1 / MathF.FusedMultiplyAdd(ErfP, magnitude, 1);
        float p = MathF.FusedMultiplyAdd(E5, t, E4);
        p = MathF.FusedMultiplyAdd(p, t, E3);
        p = MathF.FusedMultiplyAdd(p, t, E2);
        p = MathF.FusedMultiplyAdd(p, t, E1);
        return MathF.CopySign(1 - p * t * Exp(-x * x), x);
    }

    private static Vector512<float> Erf(Vector512<float> x)
    {
        Vector512<float> magnitude = Vector512.Abs(x);
        Vector512<float> t = Vector512<float>.One / Vector512.FusedMultiplyAdd(Vector512.Create(ErfP), magnitude, Vector512<float>.One);
        Vector512<float> p = Vector512.FusedMultiplyAdd(Vector512.Create(E5), t, Vector512.Create(E4));
        p = Vector512.FusedMultiplyAdd(p, t, Vector512.Create(E3));
        p = Vector512.FusedMultiplyAdd(p, t, Vector512.Create(E2));
        p = Vector512.FusedMultiplyAdd(p, t, Vector512.Create(E1));
        return Vector512.CopySign(Vector512<float>.One - p * t * Exp(-x * x), x);
    }
}
