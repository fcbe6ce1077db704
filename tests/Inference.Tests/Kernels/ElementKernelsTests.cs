using LlmService.Inference.Configuration;
using LlmService.Inference.Kernels;

namespace LlmService.Inference.Tests.Kernels;

public sealed class ElementKernelsTests
{
    private const int LongestLength = 70;

    private readonly Random _random = new(3);

    private static IEnumerable<KernelPath> Vectors => Enum.GetValues<KernelPath>().Where(path => path != KernelPath.Scalar && KernelPaths.IsSupported(path));

    public static TheoryData<string> ActivationNames => [.. Enum.GetNames<Activation>()];

    [Fact]
    public void Exp_WholeRange_IsWithin2e7OfTheExactValue()
    {
        for (double x = -87.3; x < 88; x += 0.00173)
        {
            double exact = Math.Exp((float)x);
            Assert.InRange(ElementKernels.Exp((float)x), exact * (1 - 2e-7), exact * (1 + 2e-7));
        }
    }

    [Fact]
    public void Exp_BeyondTheRange_StaysFinite()
    {
        Assert.Equal(1, ElementKernels.Exp(0));
        Assert.InRange(ElementKernels.Exp(float.NegativeInfinity), 0, 1.2e-38f);
        Assert.True(float.IsFinite(ElementKernels.Exp(1000)));
    }

    /// <summary>Wherever it stands: vectors take a minimum and a maximum by instructions that may pass it over.</summary>
    [Fact]
    public void ExpAndActivations_NotANumber_StaysSo()
    {
        foreach (KernelPath path in Enum.GetValues<KernelPath>().Where(KernelPaths.IsSupported))
        {
            for (int at = 0; at < LongestLength; at++)
            {
                float[] scores = Numbers(LongestLength, 12);
                scores[at] = float.NaN;
                foreach (Activation activation in Enum.GetValues<Activation>())
                {
                    float[] values = [.. scores];
                    ElementKernels.Activate(path, activation, values);
                    Assert.Equal([at], Enumerable.Range(0, LongestLength).Where(i => float.IsNaN(values[i])));
                }

                Assert.True(float.IsNaN(ElementKernels.ExpSum(path, scores, float.NegativeInfinity, out _)));
                Assert.True(float.IsNaN(scores[at]));
            }
        }
    }

    [Theory]
    [MemberData(nameof(ActivationNames))]
    public void Activate_WholeRange_IsCloseToTheExactFunction(string name)
    {
        Activation activation = Enum.Parse<Activation>(name);
        float[] inputs = [.. Enumerable.Range(-3000, 6001).Select(i => i / 150f)];
        float[] values = [.. inputs];

        ElementKernels.Activate(KernelPaths.Best, activation, values);

        for (int i = 0; i < inputs.Length; i++)
        {
            // Near 0 the error is that of an absolute 4e-7 in a factor between 0 and 1 (tanh has no such factor); elsewhere that of rounding.
            double exact = Exact(activation, inputs[i]), bound = 4e-7 * Math.Abs(inputs[i]) + 1.5e-7 * Math.Abs(exact) + (activation == Activation.Tanh ? 4e-7 : 1e-12);
            Assert.InRange(values[i], exact - bound, exact + bound);
        }
    }

    [Theory]
    [MemberData(nameof(ActivationNames))]
    public void Activate_AnyLength_VectorEqualsScalar(string name)
    {
        Activation activation = Enum.Parse<Activation>(name);
        for (int length = 0; length <= LongestLength; length++)
        {
            float[] numbers = Numbers(length, 12), scalar = [.. numbers];
            ElementKernels.Activate(KernelPath.Scalar, activation, scalar);
            foreach (KernelPath path in Vectors)
            {
                float[] vector = [.. numbers];
                ElementKernels.Activate(path, activation, vector);
                Assert.Equal(scalar, vector);
            }
        }
    }

    [Fact]
    public void HighestOfTiles_AnyLengthAndPath_IsTheLargestOfEachTile()
    {
        for (int length = 1; length <= LongestLength; length++)
        {
            float[] numbers = Numbers(length, 12), highest = new float[TileLayout.Tiles(length)];
            foreach (KernelPath path in Enum.GetValues<KernelPath>().Where(KernelPaths.IsSupported))
            {
                ElementKernels.HighestOfTiles(path, numbers, highest);
                Assert.Equal(numbers.Chunk(TileLayout.Rows).Select(tile => tile.Max()), highest);
            }
        }
    }

    [Fact]
    public void SoftmaxWeights_AnyLength_VectorEqualsScalarAndSumsToOne()
    {
        for (int length = 1; length <= LongestLength; length++)
        {
            float[] scores = Numbers(length, 30), vector = [.. scores];
            float reciprocal = ElementKernels.SoftmaxWeights(KernelPath.Scalar, vector);
            foreach (KernelPath path in Vectors)
            {
                float[] other = [.. scores];
                Assert.Equal(reciprocal, ElementKernels.SoftmaxWeights(path, other));
                Assert.Equal(vector, other);
            }
            double sum = scores.Sum(s => Math.Exp(s - (double)scores.Max()));
            for (int i = 0; i < length; i++)
                Assert.Equal(Math.Exp(scores[i] - (double)scores.Max()) / sum, vector[i] * reciprocal, 1e-6);
        }
    }

    [Fact]
    public void SoftmaxWeights_WithASink_LeaveItsShareOut()
    {
        float[] scores = Numbers(37, 3), exact = [.. scores];
        float reciprocal = ElementKernels.SoftmaxWeights(KernelPaths.Best, scores, 2);
        double sum = Math.Exp(2) + exact.Sum(s => Math.Exp(s));
        for (int i = 0; i < scores.Length; i++)
            Assert.Equal(Math.Exp(exact[i]) / sum, scores[i] * reciprocal, 1e-6);
    }

    [Fact]
    public void LayerNormSoftCapAndScale_AnyLength_VectorEqualsScalarAndTheExactFunction()
    {
        for (int length = 1; length <= LongestLength; length++)
        {
            float[] values = Numbers(length, 5), weight = Numbers(length, 2), bias = Numbers(length, 1);
            float[] Compute(KernelPath path)
            {
                float[] norm = new float[length], cap = [.. values];
                NormKernels.LayerNorm(path, values, weight, bias, 1e-5f, norm);
                ElementKernels.SoftCap(path, cap, 3);
                ElementKernels.Scale(path, cap, 0.7f);
                return [.. norm, .. cap];
            }
            float[] scalar = Compute(KernelPath.Scalar);
            foreach (KernelPath path in Vectors)
                Assert.Equal(scalar, Compute(path));
            double mean = values.Average(v => (double)v), variance = values.Average(v => (v - mean) * (v - mean));
            for (int i = 0; i < length; i++)
            {
                Assert.Equal(weight[i] * (values[i] - mean) / Math.Sqrt(variance + 1e-5) + bias[i], scalar[i], 1e-4);
                Assert.Equal(0.7 * 3 * Math.Tanh(values[i] / 3.0), scalar[length + i], 1e-5);
            }
        }
    }

    [Fact]
    public void SoftmaxWeights_HugeScores_DoNotOverflow()
    {
        float[] scores = [3e38f, -3e38f, 3e38f];

        float reciprocal = ElementKernels.SoftmaxWeights(KernelPaths.Best, scores);

        Assert.Equal(0.5, scores[0] * reciprocal, 1e-6);
        Assert.Equal(0, scores[1] * reciprocal, 1e-6);
    }

    [Fact]
    public void RmsNorm_AnyLength_VectorEqualsScalarAndIsCloseToDouble()
    {
        for (int length = 1; length <= LongestLength; length++)
        {
            float[] input = Numbers(length, 5), weight = Numbers(length, 2), vector = new float[length], scalar = new float[length];
            ElementKernels.RmsNorm(KernelPath.Scalar, input, weight, 1e-5f, scalar);
            foreach (KernelPath path in Vectors)
            {
                ElementKernels.RmsNorm(path, input, weight, 1e-5f, vector);
                Assert.Equal(scalar, vector);
            }
            double scale = 1 / Math.Sqrt(input.Average(x => (double)x * x) + 1e-5);
            for (int i = 0; i < length; i++)
                Assert.Equal(weight[i] * input[i] * scale, vector[i], 1e-5);
        }
    }

    [Fact]
    public void Rotate_Head_RotatesThePairsOfItsHalvesOnEveryPath()
    {
        for (int half = 1; half <= LongestLength; half++)
        {
            float[] original = Numbers(2 * half, 2), head = [.. original], angles = Numbers(half, 3);
            float[] cosines = Array.ConvertAll(angles, MathF.Cos), sines = Array.ConvertAll(angles, MathF.Sin);

            ElementKernels.Rotate(KernelPath.Scalar, head, cosines, sines);

            foreach (KernelPath path in Vectors)
            {
                float[] vector = [.. original];
                ElementKernels.Rotate(path, vector, cosines, sines);
                Assert.Equal(head, vector);
            }
            for (int i = 0; i < half; i++)
            {
                Assert.Equal(original[i] * Math.Cos(angles[i]) - original[i + half] * Math.Sin(angles[i]), head[i], 1e-6);
                Assert.Equal(original[i + half] * Math.Cos(angles[i]) + original[i] * Math.Sin(angles[i]), head[i + half], 1e-6);
            }
        }
    }

    [Fact]
    public void AddAndMultiply_AnyLength_VectorEqualsScalar()
    {
        for (int length = 0; length <= LongestLength; length++)
        {
            float[] numbers = Numbers(length, 3), scalar = [.. numbers], other = Numbers(length, 3);
            ElementKernels.Add(KernelPath.Scalar, scalar, other);
            ElementKernels.Multiply(KernelPath.Scalar, scalar, other);

            foreach (KernelPath path in Vectors)
            {
                float[] vector = [.. numbers];
                ElementKernels.Add(path, vector, other);
                ElementKernels.Multiply(path, vector, other);
                Assert.Equal(scalar, vector);
            }
        }
    }

    [Fact]
    public void WidenBfloat16_AnyLength_IsExact()
    {
        for (int length = 0; length <= LongestLength; length++)
        {
            ushort[] source = [.. Enumerable.Range(0, length).Select(_ => (ushort)_random.Next(65536))];
            float[] widened = new float[length];
            MatrixKernels.WidenBfloat16(source, widened);
            Assert.Equal(source.Select(s => (uint)s << 16), widened.Select(BitConverter.SingleToUInt32Bits));
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void WidenBytes_AnyLength_IsExact(bool isSigned)
    {
        for (int length = 0; length <= LongestLength; length++)
        {
            byte[] source = new byte[length];
            _random.NextBytes(source);
            float[] widened = new float[length];
            MatrixKernels.WidenBytes(source, widened, isSigned);
            Assert.Equal(source.Select(s => isSigned ? (sbyte)s : (float)s), widened);
        }
    }

    [Fact]
    public void Dot_AnyLength_EveryPathGivesTheSumOfSixteenLanes()
    {
        foreach (int length in new[] { 0, 1, 15, 16, 17, 31, 32, 70, 511, 512, 513, 528, 1024, 1100 })
        {
            float[] a = Numbers(length, 2), b = Numbers(length, 2), lanes = new float[16];
            for (int i = 0; i < length; i++)
                lanes[i % 16] = MathF.FusedMultiplyAdd(a[i], b[i], lanes[i % 16]);
            for (int distance = 8; distance > 0; distance /= 2)
            {
                for (int i = 0; i < distance; i++)
                    lanes[i] += lanes[i + distance];
            }
            Assert.Equal(lanes[0], MatrixKernels.Dot(KernelPath.Scalar, a, b));
            Assert.All(Vectors, path => Assert.Equal(lanes[0], MatrixKernels.Dot(path, a, b)));
        }
    }

    private static double Exact(Activation activation, double x) => activation switch
    {
        Activation.Relu => Math.Max(x, 0),
        Activation.ReluSquared => Math.Max(x, 0) * Math.Max(x, 0),
        Activation.Silu => x / (1 + Math.Exp(-x)),
        Activation.QuickGelu => x / (1 + Math.Exp(-1.702 * x)),
        Activation.Tanh => Math.Tanh(x),
        Activation.Gelu => 0.5 * x * (1 + Erf(x / Math.Sqrt(2))),
        Activation.GeluTanh => 0.5 * x * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x))),
        _ => throw new ArgumentOutOfRangeException(nameof(activation)),
    };

    // The series of the error function; from 6 on it is 1 to the last bit.
    private static double Erf(double x)
    {
        if (Math.Abs(x) > 6)
            return Math.Sign(x);
        double term = x, sum = x;
        for (int n = 1; n < 200; n++)
        {
            term *= -x * x / n;
            sum += term / (2 * n + 1);
        }
        return Math.Abs(x) > 4 ? Math.Sign(x) * (1 - Math.Exp(-x * x) / (Math.Abs(x) * Math.Sqrt(Math.PI)) * (1 - 1 / (2 * x * x))) : 2 / Math.Sqrt(Math.PI) * sum;
    }

    private float[] Numbers(int count, double size) => [.. Enumerable.Range(0, count).Select(_ => (float)((_random.NextDouble() * 2 - 1) * size))];
}
