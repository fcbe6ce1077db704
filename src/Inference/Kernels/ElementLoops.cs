using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using LlmService.Inference.Configuration;

namespace LlmService.Inference.Kernels;

/// <summary>The loops of <see cref="ElementKernels"/> for one instruction set. What is left over at the end is done one by one, by the same operations.</summary>
internal static class ElementLoops<TLanes, TVector>
    where TLanes : struct, IFloatLanes<TVector>
    where TVector : struct
{
    private const int Lanes = 16;

    // exp: range reduction by ln 2 in two parts, then a polynomial of degree 6 (Cephes, expf); relative error below 2e-7.
    private const float ExpLowest = -87.33f, ExpHighest = 88f, Log2E = 1.44269504f, Ln2High = 0.693359375f, Ln2Low = -2.12194440e-4f;
    private const float P0 = 1.9875691500e-4f, P1 = 1.3981999507e-3f, P2 = 8.3334519073e-3f, P3 = 4.1665795894e-2f, P4 = 1.6666665459e-1f, P5 = 5.0000001201e-1f;

    // erf: Abramowitz and Stegun 7.1.26; absolute error below 1.5e-7.
    private const float ErfP = 0.3275911f, E1 = 0.254829592f, E2 = -0.284496736f, E3 = 1.421413741f, E4 = -1.453152027f, E5 = 1.061405429f;
    private const float SqrtHalf = 0.70710678f, SqrtTwoOverPi = 0.7978845608f, GeluCubic = 0.044715f, QuickGeluFactor = -1.702f;

    /// <summary>output = weight · (input · scale).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Scale(ReadOnlySpan<float> input, ReadOnlySpan<float> weight, float scale, Span<float> output)
    {
        ref float from = ref MemoryMarshal.GetReference(input), by = ref MemoryMarshal.GetReference(weight[..input.Length]), to = ref MemoryMarshal.GetReference(output[..input.Length]);
        int i = 0;
        for (; i <= input.Length - TLanes.Count; i += TLanes.Count)
            TLanes.Store(TLanes.Multiply(TLanes.Load(ref by, i), TLanes.Multiply(TLanes.Load(ref from, i), scale)), ref to, i);
        for (; i < input.Length; i++)
            output[i] = weight[i] * (input[i] * scale);
    }

    /// <summary>Applies an activation in place.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Activate(Activation activation, Span<float> values)
    {
        ref float at = ref MemoryMarshal.GetReference(values);
        int i = 0;
        for (; i <= values.Length - TLanes.Count; i += TLanes.Count)
            TLanes.Store(Activate(activation, TLanes.Load(ref at, i)), ref at, i);
        for (; i < values.Length; i++)
            values[i] = ElementLoops<ScalarFloats, float>.Activate(activation, values[i]);
    }

    /// <summary>output[i] = activation(gate[i]) · up[i].</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Gate(Activation activation, ReadOnlySpan<float> gate, ReadOnlySpan<float> up, Span<float> output)
    {
        ref float from = ref MemoryMarshal.GetReference(gate), by = ref MemoryMarshal.GetReference(up[..gate.Length]), to = ref MemoryMarshal.GetReference(output[..gate.Length]);
        int i = 0;
        for (; i <= gate.Length - TLanes.Count; i += TLanes.Count)
            TLanes.Store(TLanes.Multiply(Activate(activation, TLanes.Load(ref from, i)), TLanes.Load(ref by, i)), ref to, i);
        for (; i < gate.Length; i++)
            output[i] = ElementLoops<ScalarFloats, float>.Activate(activation, gate[i]) * up[i];
    }

    /// <summary>values[i] *= factors[i].</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply(Span<float> values, ReadOnlySpan<float> factors)
    {
        ref float at = ref MemoryMarshal.GetReference(values), by = ref MemoryMarshal.GetReference(factors[..values.Length]);
        int i = 0;
        for (; i <= values.Length - TLanes.Count; i += TLanes.Count)
            TLanes.Store(TLanes.Multiply(TLanes.Load(ref at, i), TLanes.Load(ref by, i)), ref at, i);
        for (; i < values.Length; i++)
            values[i] *= factors[i];
    }

    /// <summary>values[i] += addends[i].</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Add(Span<float> values, ReadOnlySpan<float> addends)
    {
        ref float at = ref MemoryMarshal.GetReference(values), other = ref MemoryMarshal.GetReference(addends[..values.Length]);
        int i = 0;
        for (; i <= values.Length - TLanes.Count; i += TLanes.Count)
            TLanes.Store(TLanes.Add(TLanes.Load(ref at, i), TLanes.Load(ref other, i)), ref at, i);
        for (; i < values.Length; i++)
            values[i] += addends[i];
    }

    /// <summary>Rotates the pairs (i, i + half) of a head.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Rotate(Span<float> head, ReadOnlySpan<float> cosines, ReadOnlySpan<float> sines)
    {
        int half = head.Length / 2, i = 0;
        Span<float> first = head[..half], second = head.Slice(half, half);
        ref float f = ref MemoryMarshal.GetReference(first), s = ref MemoryMarshal.GetReference(second);
        ref float cosine = ref MemoryMarshal.GetReference(cosines[..half]), sine = ref MemoryMarshal.GetReference(sines[..half]);
        for (; i <= half - TLanes.Count; i += TLanes.Count)
        {
            TVector a = TLanes.Load(ref f, i), b = TLanes.Load(ref s, i), c = TLanes.Load(ref cosine, i), d = TLanes.Load(ref sine, i);
            TLanes.Store(TLanes.Subtract(TLanes.Multiply(a, c), TLanes.Multiply(b, d)), ref f, i);
            TLanes.Store(TLanes.Add(TLanes.Multiply(b, c), TLanes.Multiply(a, d)), ref s, i);
        }
        for (; i < half; i++)
        {
            float a = first[i], b = second[i];
            first[i] = a * cosines[i] - b * sines[i];
            second[i] = b * cosines[i] + a * sines[i];
        }
    }

    /// <summary>values[i] *= factor.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Scale(Span<float> values, float factor)
    {
        ref float at = ref MemoryMarshal.GetReference(values);
        int i = 0;
        for (; i <= values.Length - TLanes.Count; i += TLanes.Count)
            TLanes.Store(TLanes.Multiply(TLanes.Load(ref at, i), factor), ref at, i);
        for (; i < values.Length; i++)
            values[i] *= factor;
    }

    /// <summary>values[i] += addend, written elsewhere.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Shift(ReadOnlySpan<float> values, float addend, Span<float> output)
    {
        ref float at = ref MemoryMarshal.GetReference(values), to = ref MemoryMarshal.GetReference(output[..values.Length]);
        TVector added = TLanes.Create(addend);
        int i = 0;
        for (; i <= values.Length - TLanes.Count; i += TLanes.Count)
            TLanes.Store(TLanes.Add(TLanes.Load(ref at, i), added), ref to, i);
        for (; i < values.Length; i++)
            output[i] = values[i] + addend;
    }

    /// <summary>Sum of a row: 16 lanes, lane j takes the numbers j, j + 16, …</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Sum(ReadOnlySpan<float> values)
    {
        Span<float> lanes = stackalloc float[Lanes];
        lanes.Clear();
        ref float at = ref MemoryMarshal.GetReference(values), sums = ref MemoryMarshal.GetReference(lanes);
        int i = 0;
        for (; i <= values.Length - Lanes; i += Lanes)
        {
            for (int group = 0; group < Lanes; group += TLanes.Count)
                TLanes.Store(TLanes.Add(TLanes.Load(ref sums, group), TLanes.Load(ref at, i + group)), ref sums, group);
        }
        for (int lane = 0; i < values.Length; i++, lane++)
            lanes[lane] += values[i];
        return MatrixKernels.ReduceScalar(lanes);
    }

    /// <summary>The largest of each 32 numbers, the rows of a tile, and of those that are left over.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void HighestOfTiles(ReadOnlySpan<float> values, Span<float> highest)
    {
        const int rows = TileLayout.Rows;
        highest = highest[..TileLayout.Tiles(values.Length)];
        ref float at = ref MemoryMarshal.GetReference(values);
        int tile = 0;
        for (; tile < values.Length / rows; tile++)
        {
            TVector largest = TLanes.Load(ref at, tile * rows);
            for (int group = TLanes.Count; group < rows; group += TLanes.Count)
                largest = TLanes.MaxOfNumbers(largest, TLanes.Load(ref at, tile * rows + group));
            highest[tile] = TLanes.HighestNumber(largest);
        }
        if (tile < highest.Length)
            highest[tile] = Highest(values[(tile * rows)..]);
    }

    /// <summary>values = cap · tanh(values / cap).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void SoftCap(Span<float> values, float cap)
    {
        ref float at = ref MemoryMarshal.GetReference(values);
        TVector divisor = TLanes.Create(cap);
        int i = 0;
        for (; i <= values.Length - TLanes.Count; i += TLanes.Count)
            TLanes.Store(TLanes.Multiply(Tanh(TLanes.Divide(TLanes.Load(ref at, i), divisor)), cap), ref at, i);
        for (; i < values.Length; i++)
            values[i] = ElementLoops<ScalarFloats, float>.Tanh(values[i] / cap) * cap;
    }

    /// <summary>Turns scores into e^(score - highest), and returns their sum: 16 lanes, lane j takes the scores j, j + 16, …</summary>
    /// <param name="scores">The scores.</param>
    /// <param name="sink">One more score, which counts in the sum; minus infinity for none.</param>
    /// <param name="highest">The highest of all.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float ExpSum(Span<float> scores, float sink, out float highest)
    {
        highest = MathF.Max(sink, Highest(scores));
        Span<float> lanes = stackalloc float[Lanes];
        lanes.Clear();
        ref float at = ref MemoryMarshal.GetReference(scores), sums = ref MemoryMarshal.GetReference(lanes);
        TVector offset = TLanes.Create(highest), whole = default;
        int i = 0;
        for (; i <= scores.Length - Lanes; i += Lanes)
        {
            for (int group = 0; group < Lanes; group += TLanes.Count)
            {
                TVector weight = Exp(TLanes.Subtract(TLanes.Load(ref at, i + group), offset));
                TLanes.Store(weight, ref at, i + group);
                // Where a vector has all lanes their sums stay in a register: a sum through memory waits for its own store.
                if (TLanes.Count == Lanes)
                    whole = TLanes.Add(whole, weight);
                else
                    TLanes.Store(TLanes.Add(TLanes.Load(ref sums, group), weight), ref sums, group);
            }
        }
        if (TLanes.Count == Lanes)
            TLanes.Store(whole, ref sums, 0);
        for (int lane = 0; i < scores.Length; i++, lane++)
        {
            scores[i] = ElementLoops<ScalarFloats, float>.Exp(scores[i] - highest);
            lanes[lane] += scores[i];
        }
        float sum = MatrixKernels.ReduceScalar(lanes);
        return float.IsNegativeInfinity(sink) ? sum : sum + ElementLoops<ScalarFloats, float>.Exp(sink - highest);
    }

    /// <summary>e^x.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Exp(TVector x)
    {
        x = TLanes.AtMost(TLanes.AtLeast(x, ExpLowest), ExpHighest);
        TVector n = TLanes.Round(TLanes.Multiply(x, Log2E));
        TVector r = TLanes.MultiplyAdd(n, -Ln2Low, TLanes.MultiplyAdd(n, -Ln2High, x));
        TVector p = TLanes.MultiplyAdd(r, P0, TLanes.Create(P1));
        p = TLanes.MultiplyAdd(p, r, TLanes.Create(P2));
        p = TLanes.MultiplyAdd(p, r, TLanes.Create(P3));
        p = TLanes.MultiplyAdd(p, r, TLanes.Create(P4));
        p = TLanes.MultiplyAdd(p, r, TLanes.Create(P5));
        return TLanes.ScaleBinary(TLanes.Add(TLanes.MultiplyAdd(p, TLanes.Multiply(r, r), r), TLanes.Create(1)), n);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Activate(Activation activation, TVector x) => activation switch
    {
        Activation.Relu => TLanes.AtLeast(x, 0),
        Activation.ReluSquared => TLanes.Multiply(TLanes.AtLeast(x, 0), TLanes.AtLeast(x, 0)),
        Activation.Silu => TLanes.Divide(x, TLanes.Add(TLanes.Create(1), Exp(TLanes.Negate(x)))),
        Activation.QuickGelu => TLanes.Divide(x, TLanes.Add(TLanes.Create(1), Exp(TLanes.Multiply(x, QuickGeluFactor)))),
        Activation.Tanh => Tanh(x),
        Activation.Gelu => TLanes.Multiply(TLanes.Multiply(x, 0.5f), TLanes.Add(TLanes.Create(1), Erf(TLanes.Multiply(x, SqrtHalf)))),
        Activation.GeluTanh => TLanes.Multiply(TLanes.Multiply(x, 0.5f), TLanes.Add(TLanes.Create(1),
            Tanh(TLanes.Multiply(TLanes.MultiplyAdd(TLanes.Multiply(TLanes.Multiply(x, GeluCubic), x), x, x), SqrtTwoOverPi)))),
        _ => throw new InvalidOperationException($"unknown activation {activation}"),
    };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Tanh(TVector x) =>
        TLanes.Subtract(TLanes.Create(1), TLanes.Divide(TLanes.Create(2), TLanes.Add(Exp(TLanes.Multiply(x, 2)), TLanes.Create(1))));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Erf(TVector x)
    {
        TVector t = TLanes.Divide(TLanes.Create(1), TLanes.MultiplyAdd(TLanes.Abs(x), ErfP, TLanes.Create(1)));
        TVector p = TLanes.MultiplyAdd(t, E5, TLanes.Create(E4));
        p = TLanes.MultiplyAdd(p, t, TLanes.Create(E3));
        p = TLanes.MultiplyAdd(p, t, TLanes.Create(E2));
        p = TLanes.MultiplyAdd(p, t, TLanes.Create(E1));
        TVector rest = TLanes.Multiply(TLanes.Multiply(p, t), Exp(TLanes.Multiply(TLanes.Negate(x), x)));
        return TLanes.CopySign(TLanes.Subtract(TLanes.Create(1), rest), x);
    }

    // What is not a number may be passed over.
    private static float Highest(ReadOnlySpan<float> scores)
    {
        float highest = float.NegativeInfinity;
        ref float at = ref MemoryMarshal.GetReference(scores);
        int i = 0;
        TVector lanes = TLanes.Create(highest);
        for (; i <= scores.Length - TLanes.Count; i += TLanes.Count)
            lanes = TLanes.MaxOfNumbers(lanes, TLanes.Load(ref at, i));
        for (; i < scores.Length; i++)
            highest = MathF.Max(highest, scores[i]);
        return MathF.Max(highest, TLanes.HighestNumber(lanes));
    }
}
