using LlmService.Inference.Kernels;

namespace LlmService.Inference.Tests.Kernels;

public sealed class WorkerPoolTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    [InlineData(70)]
    public void Run_ManyTimes_RunsEveryPartOnce(int threads)
    {
        using WorkerPool pool = new(threads);
        for (int run = 0; run < 3000; run++)
        {
            int[] counts = new int[run % 100 == 0 ? 200 : run % 17];
            pool.Run(counts.Length, part => Interlocked.Increment(ref counts[part]));
            Assert.All(counts, count => Assert.Equal(1, count));
        }
    }

    /// <summary>As long as all threads come: here a part waits until the others have begun.</summary>
    [Fact]
    public void Run_AgainAndAgain_GivesEachThreadTheSamePart()
    {
        const int threads = 3;
        using WorkerPool pool = new(threads);
        int[][] takers = [new int[threads], new int[threads]];
        foreach (int[] taken in takers)
        {
            using Barrier begun = new(threads);
            pool.Run(threads, part =>
            {
                taken[part] = Environment.CurrentManagedThreadId;
                begun.SignalAndWait(TestContext.Current.CancellationToken);
            });
        }

        Assert.Equal(takers[0], takers[1]);
        Assert.Equal(threads, takers[0].Distinct().Count());
        Assert.Equal(Environment.CurrentManagedThreadId, takers[0][0]);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Run_PartThrows_RethrowsAndThePoolStaysUsable(int threads)
    {
        using WorkerPool pool = new(threads);
        for (int run = 0; run < 50; run++)
        {
            Assert.Equal("part 3", Assert.Throws<InvalidDataException>(() => pool.Run(8, part =>
            {
                if (part == 3)
                    throw new InvalidDataException("part 3");
            })).Message);
            int count = 0;
            pool.Run(8, _ => Interlocked.Increment(ref count));
            Assert.Equal(8, count);
        }
    }

    [Fact]
    public void Run_ConcurrentCallers_TakeTurns()
    {
        using WorkerPool pool = new(3);
        Thread[] callers = new Thread[4];
        int wrong = 0;
        for (int i = 0; i < callers.Length; i++)
        {
            callers[i] = new Thread(() =>
            {
                for (int run = 0; run < 500; run++)
                {
                    int count = 0;
                    pool.Run(6, _ => Interlocked.Increment(ref count));
                    if (count != 6)
                        Interlocked.Increment(ref wrong);
                }
            });
            callers[i].Start();
        }
        foreach (Thread caller in callers)
            caller.Join();

        Assert.Equal(0, wrong);
    }

    [Fact]
    public void Run_OneThread_StaysOnTheCaller()
    {
        using WorkerPool pool = new(1);
        int caller = Environment.CurrentManagedThreadId;

        pool.Run(4, _ => Assert.Equal(caller, Environment.CurrentManagedThreadId));
    }

    [Fact]
    public void Dispose_Pool_EndsItsThreadsAndRefusesWork()
    {
        WorkerPool pool = new(4);
        pool.Run(4, _ => { });

        // It joins the threads: it would hang if one did not end.
        pool.Dispose();
        pool.Dispose();

        Assert.Throws<ObjectDisposedException>(() => pool.Run(1, _ => { }));
    }

    [Fact]
    public void Constructor_NoThread_IsRefused() => Assert.Throws<ArgumentOutOfRangeException>(() => new WorkerPool(0));
}
