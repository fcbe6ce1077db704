namespace LlmService.Inference.Tests.Architectures;

/// <summary>Compares what was computed with the reference implementation.</summary>
internal static class GoldenNumbers
{
    // The strict tolerance of the golden data for float32 in any order of summation.
    private const float Tolerance = 2e-4f;

    public static void AssertClose(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
            Assert.True(MathF.Abs(expected[i] - actual[i]) <= Tolerance, $"at {i}: {expected[i]} expected, {actual[i]} found");
    }
}
