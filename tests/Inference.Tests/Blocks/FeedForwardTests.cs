using LlmService.Inference.Blocks;
using LlmService.Inference.Configuration;
using LlmService.Inference.Kernels;
using LlmService.Inference.Tests.Weights;
using LlmService.Inference.Weights;

namespace LlmService.Inference.Tests.Blocks;

public sealed class FeedForwardTests
{
    private const int Hidden = 70;

    private readonly Random _random = new(5);

    /// <summary>Tiles that are activated piece by piece give the bits of three steps, each of which is done for all tokens before the next.</summary>
    [Theory]
    [InlineData(TileFormat.Q8, 96, 1, true, true, null)]
    [InlineData(TileFormat.Q8, 1504, 5, true, false, null)]
    [InlineData(TileFormat.Q4, 1504, 37, true, true, 0.5f)]
    [InlineData(TileFormat.Q4, 96, 600, true, false, null)]
    [InlineData(TileFormat.Q4, 352, 19, false, true, null)]
    [InlineData(TileFormat.Q8, 352, 70, false, false, null)]
    // Not of whole tiles: one step after the other.
    [InlineData(TileFormat.Q8, 100, 9, true, true, 0.5f)]
    [InlineData(TileFormat.Q4, 1000, 300, false, true, null)]
    internal void Apply_Tiles_GivesTheBitsOfOneStepAfterTheOther(TileFormat format, int width, int tokens, bool isGated, bool isBiased, float? limit)
    {
        using WorkerPool workers = new(3), one = new(1);
        int rows = isGated ? 2 * width : width;
        StoredTensor wide = MatrixSamples.Tensor(_random, rows, Hidden), narrow = MatrixSamples.Tensor(_random, Hidden, width);
        float[]? wideBias = isBiased ? MatrixSamples.Numbers(_random, rows) : null, narrowBias = isBiased ? MatrixSamples.Numbers(_random, Hidden) : null;
        float[] state = MatrixSamples.Numbers(_random, tokens * Hidden);
        foreach (KernelPath path in Enum.GetValues<KernelPath>().Where(KernelPaths.IsSupported))
        {
            Compute compute = new(path, workers);
            Linear input = new(TiledMatrix.Of(format, [wide], compute), wideBias), down = new(TiledMatrix.Of(format, [narrow], compute), narrowBias);
            FeedForward block = new(Activation.Silu, input, isGated, down) { Limit = limit };
            float[] inner = new float[tokens * rows], activated = new float[tokens * width], expected = new float[tokens * Hidden], output = new float[tokens * Hidden];
            Compute alone = new(path, one);
            input.Apply(state, tokens, inner, alone);
            for (int token = 0; token < tokens; token++)
            {
                Span<float> row = inner.AsSpan(token * rows, rows);
                if (limit is { } most)
                {
                    for (int i = 0; i < rows; i++)
                        row[i] = i < width ? MathF.Min(row[i], most) : MathF.Max(MathF.Min(row[i], most), -most) + 1;
                }
                Span<float> to = activated.AsSpan(token * width, width);
                row[..width].CopyTo(to);
                if (isGated)
                    ElementKernels.Gate(path, Activation.Silu, row[..width], row[width..], to);
                else
                    ElementKernels.Activate(path, Activation.Silu, to);
            }
            down.Apply(activated, tokens, expected, alone);

            block.Apply(state, tokens, new EncoderPass(compute, isHalf: false), output);

            Assert.Equal(expected, output);
        }
    }
}
