using LlmService.Inference.Configuration;
using LlmService.Inference.Kernels;

namespace LlmService.Inference.Tests.Kernels;

public sealed class ElementKernelsTests
{
    private const int LongestLength = 70;

    private readonly Random _random = new(3);

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
            float[] vector = Numbers(length, 12), scalar = [.. vector];
            ElementKernels.Activate(KernelPaths.Best, activation, vector);
            ElementKernels.Activate(KernelPath.Scalar, activation, scalar);
            Assert.Equal(scalar, vector);
        }
    }

    [Fact]
    public void SoftmaxWeights_AnyLength_VectorEqualsScalarAndSumsToOne()
    {
        for (int length = 1; length <= LongestLength; length++)
        {
            float[] scores = Numbers(length, 30), vector = [.. scores], scalar = [.. scores];
            float reciprocal = ElementKernels.SoftmaxWeights(KernelPaths.Best, vector);
            Assert.Equal(ElementKernels.SoftmaxWeights(KernelPath.Scalar, scalar), reciprocal);
            Assert.Equal(scalar, vector);
            double sum = scores.Sum(s => Math.Exp(s - (double)scores.Max()));
            for (int i = 0; i < length; i++)
                Assert.Equal(Math.Exp(scores[i] - (double)scores.Max()) / sum, vector[i] * reciprocal, 1e-6);
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
            ElementKernels.RmsNorm(KernelPaths.Best, input, weight, 1e-5f, vector);
            ElementKernels.RmsNorm(KernelPath.Scalar, input, weight, 1e-5f, scalar);
            Assert.Equal(scalar, vector);
            double scale = 1 / Math.Sqrt(input.Average(x => (double)x * x) + 1e-5);
            for (int i = 0; i < length; i++)
                Assert.Equal(weight[i] * input[i] * scale, vector[i], 1e-5);
        }
    }

    [Fact]
    public void Rotate_Head_RotatesThePairsOfItsHalvesOnBothPaths()
    {
        for (int half = 1; half <= LongestLength; half++)
        {
            float[] head = Numbers(2 * half, 2), scalar = [.. head], original = [.. head], angles = Numbers(half, 3);
            float[] cosines = Array.ConvertAll(angles, MathF.Cos), sines = Array.ConvertAll(angles, MathF.Sin);

            ElementKernels.Rotate(KernelPaths.Best, head, cosines, sines);
            ElementKernels.Rotate(KernelPath.Scalar, scalar, cosines, sines);

            Assert.Equal(scalar, head);
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
            float[] vector = Numbers(length, 3), scalar = [.. vector], other = Numbers(length, 3);

            ElementKernels.Add(KernelPaths.Best, vector, other);
            ElementKernels.Multiply(KernelPaths.Best, vector, other);
            ElementKernels.Add(KernelPath.Scalar, scalar, other);
            ElementKernels.Multiply(KernelPath.Scalar, scalar, other);

            Assert.Equal(scalar, vector);
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
