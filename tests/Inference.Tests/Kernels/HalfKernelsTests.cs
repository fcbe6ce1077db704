using System.Runtime.InteropServices;
using LlmService.Inference.Kernels;

namespace LlmService.Inference.Tests.Kernels;

public sealed class HalfKernelsTests
{
    private static readonly float[] Special =
        [0, -0f, 1 + 1f / 256, 1 + 3f / 256, -1 - 1f / 256, float.Epsilon, float.MaxValue, float.MinValue, float.PositiveInfinity, float.NegativeInfinity, float.NaN, BitConverter.UInt32BitsToSingle(0xFF800001), 1e-39f, 3.14159f];

    private readonly Random _random = new(5);

    public static TheoryData<int> Lengths => [2, 14, 16, 30, 32, 34, 64, 98];

    [Theory]
    [MemberData(nameof(Lengths))]
    public void Pack_Numbers_AreRoundedToTheNearestOnEveryPath(int length)
    {
        float[] values = Numbers(length);
        uint[] expected = [.. values.Chunk(2).Select(pair => (Half(pair[0]) << 16) | Half(pair[1]))];

        foreach (KernelPath path in Paths())
        {
            uint[] lanes = new uint[length / 2];
            HalfKernels.Pack(path, values, lanes);
            Assert.Equal(expected, lanes);

            float[] inPlace = [.. values];
            HalfKernels.Pack(path, inPlace, MemoryMarshal.Cast<float, uint>(inPlace.AsSpan()));
            Assert.Equal(expected, MemoryMarshal.Cast<float, uint>(inPlace.AsSpan())[..(length / 2)].ToArray());

            float[] rounded = [.. values];
            HalfKernels.Round(path, rounded);
            Assert.Equal(values.Select(value => Half(value) << 16), rounded.Select(BitConverter.SingleToUInt32Bits));
        }
    }

    [Theory]
    [MemberData(nameof(Lengths))]
    public void Join_Rows_FillTheirHalvesOnEveryPath(int length)
    {
        float[] upper = Numbers(length), lower = Numbers(length);

        foreach (KernelPath path in Paths())
        {
            uint[] lanes = new uint[length];
            HalfKernels.Join(path, upper, default, lanes);
            Assert.Equal(upper.Select(value => Half(value) << 16), lanes);

            HalfKernels.Join(path, default, lower, lanes);
            Assert.Equal(upper.Zip(lower, (a, b) => (Half(a) << 16) | Half(b)), lanes);

            HalfKernels.Join(path, lower, upper, lanes);
            Assert.Equal(upper.Zip(lower, (a, b) => (Half(b) << 16) | Half(a)), lanes);
        }
    }

    [Fact]
    public void Join_RowsOfOtherLengths_AreRefused()
    {
        Assert.Throws<ArgumentException>(() => HalfKernels.Join(KernelPath.Scalar, new float[3], new float[4], new uint[4]));
        Assert.Throws<ArgumentException>(() => HalfKernels.Join(KernelPath.Scalar, default, default, new uint[4]));
    }

    private static IEnumerable<KernelPath> Paths() => Enum.GetValues<KernelPath>().Where(KernelPaths.IsSupported);

    // By the definition: the upper 16 bits, and one more where the rest is above a half, or a half beside an odd number.
    private static uint Half(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value), upper = bits >> 16, rest = bits & 0xFFFF;
        if (float.IsNaN(value))
            return upper | 0x40;
        return rest > 0x8000 || (rest == 0x8000 && upper % 2 != 0) ? upper + 1 : upper;
    }

    private float[] Numbers(int count) => [.. Enumerable.Range(0, count).Select(i => i % 3 == 0 ? Special[_random.Next(Special.Length)] : (float)(_random.NextDouble() * 2 - 1))];
}
