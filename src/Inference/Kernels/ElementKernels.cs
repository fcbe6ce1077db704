using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using LlmService.Inference.Configuration;

namespace LlmService.Inference.Kernels;

/// <summary>Functions of single numbers and of rows. The vector path and its scalar twin do the same operations on every element, so they give the same bits.</summary>
internal static class ElementKernels
{
    // Sums run in 16 lanes, which are two vectors.
    private const int Lanes = 16, Width = 8;

    // exp: range reduction by ln 2 in two parts, then a polynomial of degree 6 (Cephes, expf); relative error below 2e-7.
    private const float ExpLowest = -87.33f, ExpHighest = 88f, Log2E = 1.44269504f, Ln2High = 0.693359375f, Ln2Low = -2.12194440e-4f;
    private const float P0 = 1.9875691500e-4f, P1 = 1.3981999507e-3f, P2 = 8.3334519073e-3f, P3 = 4.1665795894e-2f, P4 = 1.6666665459e-1f, P5 = 5.0000001201e-1f;

    // erf: Abramowitz and Stegun 7.1.26; absolute error below 1.5e-7.
    private const float ErfP = 0.3275911f, E1 = 0.254829592f, E2 = -0.284496736f, E3 = 1.421413741f, E4 = -1.453152027f, E5 = 1.061405429f;
    private const float SqrtHalf = 0.70710678f, SqrtTwoOverPi = 0.7978845608f, GeluCubic = 0.044715f, QuickGeluFactor = -1.702f;

    /// <summary>Turns scores into weights that are e^(score - highest), and returns the reciprocal of their sum.</summary>
    /// <param name="path">Which kernels.</param>
    /// <param name="scores">The scores.</param>
    /// <param name="sink">One more score, which takes its share of the sum and has no weight; minus infinity for none.</param>
    public static float SoftmaxWeights(KernelPath path, Span<float> scores, float sink = float.NegativeInfinity)
    {
        float highest = MathF.Max(sink, path == KernelPath.Scalar ? HighestScalar(scores) : HighestVector(scores));
        float sum = path == KernelPath.Scalar ? ExpSumScalar(scores, highest) : ExpSumVector(scores, highest);
        return 1 / (float.IsNegativeInfinity(sink) ? sum : sum + Exp(sink - highest));
    }

    /// <summary>values = cap · tanh(values / cap): no value grows beyond the cap (Gemma 2).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void SoftCap(KernelPath path, Span<float> values, float cap)
    {
        int i = 0;
        if (path != KernelPath.Scalar)
        {
            for (; i <= values.Length - Width; i += Width)
                (cap * Tanh(Vector256.LoadUnsafe(ref values[i]) / Vector256.Create(cap))).StoreUnsafe(ref values[i]);
        }
        for (; i < values.Length; i++)
            values[i] = cap * Tanh(values[i] / cap);
    }

    /// <summary>output = weight · (input / √(mean(input²) + ε)), as RMSNorm and T5's layer norm have it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void RmsNorm(KernelPath path, ReadOnlySpan<float> input, ReadOnlySpan<float> weight, float epsilon, Span<float> output)
    {
        float scale = 1 / MathF.Sqrt(MatrixKernels.Dot(path, input, input) / input.Length + epsilon);
        weight = weight[..input.Length];
        output = output[..input.Length];
        int i = 0;
        if (path != KernelPath.Scalar)
        {
            for (; i <= input.Length - Width; i += Width)
                (Vector256.LoadUnsafe(in weight[i]) * (Vector256.LoadUnsafe(in input[i]) * scale)).StoreUnsafe(ref output[i]);
        }
        for (; i < input.Length; i++)
            output[i] = weight[i] * (input[i] * scale);
    }

    /// <summary>Applies an activation in place.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Activate(KernelPath path, Activation activation, Span<float> values)
    {
        int i = 0;
        if (path != KernelPath.Scalar)
        {
            for (; i <= values.Length - Width; i += Width)
                Activate(activation, Vector256.LoadUnsafe(ref values[i])).StoreUnsafe(ref values[i]);
        }
        for (; i < values.Length; i++)
            values[i] = Activate(activation, values[i]);
    }

    /// <summary>values[i] *= factors[i].</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply(KernelPath path, Span<float> values, ReadOnlySpan<float> factors)
    {
        factors = factors[..values.Length];
        int i = 0;
        if (path != KernelPath.Scalar)
        {
            for (; i <= values.Length - Width; i += Width)
                (Vector256.LoadUnsafe(ref values[i]) * Vector256.LoadUnsafe(in factors[i])).StoreUnsafe(ref values[i]);
        }
        for (; i < values.Length; i++)
            values[i] *= factors[i];
    }

    /// <summary>values[i] += addends[i].</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Add(KernelPath path, Span<float> values, ReadOnlySpan<float> addends)
    {
        addends = addends[..values.Length];
        int i = 0;
        if (path != KernelPath.Scalar)
        {
            for (; i <= values.Length - Width; i += Width)
                (Vector256.LoadUnsafe(ref values[i]) + Vector256.LoadUnsafe(in addends[i])).StoreUnsafe(ref values[i]);
        }
        for (; i < values.Length; i++)
            values[i] += addends[i];
    }

    /// <summary>Rotates the pairs (i, i + half) of a head by the angles of a position (RoFormer, in the half-split layout of the Llama checkpoints).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Rotate(KernelPath path, Span<float> head, ReadOnlySpan<float> cosines, ReadOnlySpan<float> sines)
    {
        int half = head.Length / 2, i = 0;
        Span<float> first = head[..half], second = head.Slice(half, half);
        cosines = cosines[..half];
        sines = sines[..half];
        if (path != KernelPath.Scalar)
        {
            for (; i <= half - Width; i += Width)
            {
                Vector256<float> a = Vector256.LoadUnsafe(ref first[i]), b = Vector256.LoadUnsafe(ref second[i]), c = Vector256.LoadUnsafe(in cosines[i]), s = Vector256.LoadUnsafe(in sines[i]);
                (a * c - b * s).StoreUnsafe(ref first[i]);
                (b * c + a * s).StoreUnsafe(ref second[i]);
            }
        }
        for (; i < half; i++)
        {
            float a = first[i], b = second[i];
            first[i] = a * cosines[i] - b * sines[i];
            second[i] = b * cosines[i] + a * sines[i];
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
    private static Vector256<float> Exp(Vector256<float> x)
    {
        x = Vector256.Min(Vector256.Max(x, Vector256.Create(ExpLowest)), Vector256.Create(ExpHighest));
        Vector256<float> n = Vector256.Round(x * Log2E);
        Vector256<float> r = Vector256.FusedMultiplyAdd(-n, Vector256.Create(Ln2Low), Vector256.FusedMultiplyAdd(-n, Vector256.Create(Ln2High), x));
        Vector256<float> p = Vector256.FusedMultiplyAdd(Vector256.Create(P0), r, Vector256.Create(P1));
        p = Vector256.FusedMultiplyAdd(p, r, Vector256.Create(P2));
        p = Vector256.FusedMultiplyAdd(p, r, Vector256.Create(P3));
        p = Vector256.FusedMultiplyAdd(p, r, Vector256.Create(P4));
        p = Vector256.FusedMultiplyAdd(p, r, Vector256.Create(P5));
        Vector256<int> exponent = Vector256.ShiftLeft(Vector256.ConvertToInt32(n) + Vector256.Create(127), 23);
        return (Vector256.FusedMultiplyAdd(p, r * r, r) + Vector256<float>.One) * exponent.AsSingle();
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
        Vector256<float> offset = Vector256.Create(highest), low = Vector256<float>.Zero, high = Vector256<float>.Zero;
        int i = 0;
        for (; i <= scores.Length - Lanes; i += Lanes)
        {
            Vector256<float> a = Exp(Vector256.LoadUnsafe(ref scores[i]) - offset), b = Exp(Vector256.LoadUnsafe(ref scores[i + Width]) - offset);
            a.StoreUnsafe(ref scores[i]);
            b.StoreUnsafe(ref scores[i + Width]);
            low += a;
            high += b;
        }
        Span<float> lanes = stackalloc float[Lanes];
        low.CopyTo(lanes);
        high.CopyTo(lanes[Width..]);
        for (int lane = 0; i < scores.Length; i++, lane++)
        {
            scores[i] = Exp(scores[i] - highest);
            lanes[lane] += scores[i];
        }
        return MatrixKernels.ReduceScalar(lanes);
    }

    private static float HighestScalar(ReadOnlySpan<float> scores)
    {
        float highest = float.NegativeInfinity;
        foreach (float score in scores)
            highest = MathF.Max(highest, score);
        return highest;
    }

    private static float HighestVector(ReadOnlySpan<float> scores)
    {
        Vector256<float> highest = Vector256.Create(float.NegativeInfinity);
        int i = 0;
        for (; i <= scores.Length - Width; i += Width)
            highest = Vector256.Max(highest, Vector256.LoadUnsafe(in scores[i]));
        float result = HighestScalar(scores[i..]);
        for (int lane = 0; lane < Width; lane++)
            result = MathF.Max(result, highest[lane]);
        return result;
    }

    private static float Activate(Activation activation, float x) => activation switch
    {
        Activation.Relu => MathF.Max(x, 0),
        Activation.ReluSquared => MathF.Max(x, 0) * MathF.Max(x, 0),
        Activation.Silu => x / (1 + Exp(-x)),
        Activation.QuickGelu => x / (1 + Exp(QuickGeluFactor * x)),
        Activation.Tanh => Tanh(x),
        Activation.Gelu => 0.5f * x * (1 + Erf(x * SqrtHalf)),
        Activation.GeluTanh => 0.5f * x * (1 + Tanh(SqrtTwoOverPi * MathF.FusedMultiplyAdd(GeluCubic * x * x, x, x))),
        _ => throw new InvalidOperationException($"unknown activation {activation}"),
    };

    private static Vector256<float> Activate(Activation activation, Vector256<float> x) => activation switch
    {
        Activation.Relu => Vector256.Max(x, Vector256<float>.Zero),
        Activation.ReluSquared => Vector256.Max(x, Vector256<float>.Zero) * Vector256.Max(x, Vector256<float>.Zero),
        Activation.Silu => x / (Vector256<float>.One + Exp(-x)),
        Activation.QuickGelu => x / (Vector256<float>.One + Exp(QuickGeluFactor * x)),
        Activation.Tanh => Tanh(x),
        Activation.Gelu => 0.5f * x * (Vector256<float>.One + Erf(x * SqrtHalf)),
        Activation.GeluTanh => 0.5f * x * (Vector256<float>.One + Tanh(SqrtTwoOverPi * Vector256.FusedMultiplyAdd(GeluCubic * x * x, x, x))),
        _ => throw new InvalidOperationException($"unknown activation {activation}"),
    };

    private static float Tanh(float x) => 1 - 2 / (Exp(2 * x) + 1);

    private static Vector256<float> Tanh(Vector256<float> x) =>
        Vector256<float>.One - Vector256.Create(2f) / (Exp(2 * x) + Vector256<float>.One);

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

    private static Vector256<float> Erf(Vector256<float> x)
    {
        Vector256<float> magnitude = Vector256.Abs(x);
        Vector256<float> t = Vector256<float>.One / Vector256.FusedMultiplyAdd(Vector256.Create(ErfP), magnitude, Vector256<float>.One);
        Vector256<float> p = Vector256.FusedMultiplyAdd(Vector256.Create(E5), t, Vector256.Create(E4));
        p = Vector256.FusedMultiplyAdd(p, t, Vector256.Create(E3));
        p = Vector256.FusedMultiplyAdd(p, t, Vector256.Create(E2));
        p = Vector256.FusedMultiplyAdd(p, t, Vector256.Create(E1));
        return Vector256.CopySign(Vector256<float>.One - p * t * Exp(-x * x), x);
    }
}
