using LlmService.Inference.Kernels;

namespace LlmService.Inference.Tests.Kernels;

public sealed class ComputeTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public void Split_AnyWorkAndUnits_DoesEachUnitOnce(int threads)
    {
        using WorkerPool workers = new(threads);
        Compute compute = new(KernelPaths.Best, workers);
        foreach (long work in new[] { 0, 1, 100_000, 300_000, 1_000_000, 10_000_000, 1_000_000_000_000 })
        {
            for (int units = 0; units < 100; units += units < 20 ? 1 : 17)
            {
                int[] done = new int[units];

                compute.Split(work, units, (first, end) =>
                {
                    for (int unit = first; unit < end; unit++)
                        Interlocked.Increment(ref done[unit]);
                });

                Assert.All(done, count => Assert.Equal(1, count));
            }
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public void Split_OwnParts_AreDoneOnceEachAsTheRestIs(int threads)
    {
        using WorkerPool workers = new(threads);
        Compute compute = new(KernelPaths.Best, workers);
        foreach (long work in new[] { 0, 1_000_000, 1_000_000_000_000 })
        {
            int[] own = new int[threads], done = new int[70];

            compute.Split(thread => Interlocked.Increment(ref own[thread]), work, done.Length, (first, end) =>
            {
                for (int unit = first; unit < end; unit++)
                    Interlocked.Increment(ref done[unit]);
            });

            Assert.All(own.Concat(done), count => Assert.Equal(1, count));
        }
    }

    [Fact]
    public void ReleaseBuffers_AfterRows_GivesTheirMemoryUpOnce()
    {
        using WorkerPool workers = new(1);
        Compute compute = new(KernelPaths.Best, workers);
        float[] input = new float[40 * 96];
        compute.Quantize(TileFormat.Q8, input, 40, 96);
        compute.Reserve(TileFormat.Q4, 40, 64);

        // A byte for each number, and eight for each 32.
        Assert.InRange(compute.ReleaseBuffers(), 40 * (96 + 64) * 5 / 4, int.MaxValue);
        Assert.Equal(0, compute.ReleaseBuffers());
        Assert.Equal(40, compute.Quantize(TileFormat.Q8, input, 40, 96).Tokens(0, int.MaxValue / 40));
    }

    [Fact]
    public void Split_MuchWork_TakesLongSpansFirst()
    {
        using WorkerPool workers = new(2);
        List<(int First, int End)> spans = [];

        new Compute(KernelPaths.Best, workers).Split(long.MaxValue, 1000, (first, end) =>
        {
            lock (spans)
                spans.Add((first, end));
        });

        int[] lengths = [.. spans.OrderBy(span => span.First).Select(span => span.End - span.First)];
        Assert.InRange(lengths[0] + lengths[1], 660, 670);
        int[] rounds = [.. lengths.Chunk(2).Select(pair => pair.Sum())];
        Assert.Equal(rounds.OrderDescending(), rounds);
        Assert.InRange(lengths[^1], 1, 10);
    }

    [Fact]
    public void Split_LittleWorkOrOneUnit_IsDoneByTheCallerAtOnce()
    {
        using WorkerPool workers = new(4);
        Compute compute = new(KernelPaths.Best, workers);
        List<(int, int, int)> spans = [];

        compute.Split(1000, 50, (first, end) => spans.Add((first, end, Environment.CurrentManagedThreadId)));
        compute.Split(long.MaxValue, 1, (first, end) => spans.Add((first, end, Environment.CurrentManagedThreadId)));

        Assert.Equal([(0, 50, Environment.CurrentManagedThreadId), (0, 1, Environment.CurrentManagedThreadId)], spans);
    }
}
