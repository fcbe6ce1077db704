using System.Diagnostics;
using System.Runtime.ExceptionServices;

namespace LlmService.Inference.Kernels;

/// <summary>A fixed set of threads that run the parts of one operation together. Several engine threads may use one pool; their operations take turns.</summary>
public sealed class WorkerPool : IDisposable
{
    // Long enough to bridge the gap between two steps of a model, short enough to give a core back that somebody else needs. To yield meanwhile would hand the core to
    // whoever wants it for a whole slice of the scheduler, a hundred operations long.
    private static readonly long SpinTicks = Stopwatch.Frequency / 5000;

    private const int Pauses = 4, YieldIterations = 20;

    // Threads that have a part of their own: a bit each.
    private const int MostOwned = 64;

    private readonly Thread[] _threads;
    private readonly Lock _turn = new();
    private readonly object _gate = new();
    private volatile Job? _job;

    // Changed under the gate.
    private volatile int _sleeping;
    private volatile bool _disposed;

    /// <summary>Starts <paramref name="threadCount"/> - 1 threads; the caller of <see cref="Run"/> is the last one.</summary>
    public WorkerPool(int threadCount)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threadCount, 1);
        ThreadCount = threadCount;
        _threads = new Thread[threadCount - 1];
        for (int i = 0; i < _threads.Length; i++)
        {
            int index = i + 1;
            _threads[i] = new Thread(() => Work(index)) { IsBackground = true, Name = $"llm-worker-{i + 1}" };
            _threads[i].Start();
        }
    }

    /// <summary>How many parts run at once, the caller included.</summary>
    public int ThreadCount { get; }

    /// <summary>Runs <paramref name="part"/> for 0 … <paramref name="partCount"/> - 1, each once, and returns when all are done. Rethrows the first exception of a part.</summary>
    public void Run(int partCount, Action<int> part)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        lock (_turn)
        {
            if (_threads.Length == 0 || partCount <= 1)
            {
                for (int i = 0; i < partCount; i++)
                    part(i);
                return;
            }
            Job job = new(part, partCount, Math.Min(ThreadCount, MostOwned));
            _job = job;
            // Either a thread that is about to sleep sees the job, or it is seen here as sleeping.
            Interlocked.MemoryBarrier();
            if (_sleeping > 0)
            {
                lock (_gate)
                    Monitor.PulseAll(_gate);
            }
            job.RunParts(0);

            // Only the parts are waited for: a thread that comes late finds none, and nobody waits for it.
            if (!job.IsDone && !Spins(job, static job => job.IsDone))
            {
                while (!job.IsDone)
                    Thread.Yield();
            }
            if (job.Failure is { } failure)
                ExceptionDispatchInfo.Throw(failure);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_turn)
        {
            if (_disposed)
                return;
            lock (_gate)
            {
                _disposed = true;
                Monitor.PulseAll(_gate);
            }
        }
        foreach (Thread thread in _threads)
            thread.Join();
    }

    private void Work(int index)
    {
        Job? seen = null;
        while (WaitForNext(seen) is { } job)
        {
            // Two threads on one processor take turns, and the system may need a tenth of a second to part them.
            if (job.Processor != Processors.Unknown && job.Processor == Processors.Current)
                Processors.Leave(job.Processor);
            job.RunParts(index);
            seen = job;
        }
    }

    /// <summary>The operation after the one that was seen; null when the pool has ended.</summary>
    private Job? WaitForNext(Job? seen)
    {
        if (Spins((Pool: this, Seen: seen), static wait => wait.Pool._job != wait.Seen || wait.Pool._disposed))
            return _disposed ? null : _job;
        lock (_gate)
        {
            _sleeping++;
            Interlocked.MemoryBarrier();
            while (_job == seen && !_disposed)
                Monitor.Wait(_gate);
            _sleeping--;
            return _disposed ? null : _job;
        }
    }

    /// <summary>Waits for something that comes soon; false when it did not.</summary>
    private static bool Spins<T>(T what, Func<T, bool> hasCome)
    {
        long end = Stopwatch.GetTimestamp() + SpinTicks;
        do
        {
            if (hasCome(what))
                return true;
            Thread.SpinWait(Pauses);
        }
        while (Stopwatch.GetTimestamp() < end);
        for (int i = 0; i < YieldIterations; i++)
        {
            if (hasCome(what))
                return true;
            Thread.Yield();
        }
        return false;
    }

    /// <summary>One operation: its parts, and how far they are.</summary>
    /// <param name="part">Does a part.</param>
    /// <param name="count">How many there are.</param>
    /// <param name="owned">How many of the first ones belong to a thread, which does them unless it comes late.</param>
    private sealed class Job(Action<int> part, int count, int owned)
    {
        private ulong _begun;
        private int _next;
        private int _done;
        private Exception? _failure;

        /// <summary>Where the caller was when it began.</summary>
        public int Processor { get; } = Processors.Current;

        public bool IsDone => Volatile.Read(ref _done) == count;

        public Exception? Failure => _failure;

        /// <summary>Runs parts until all are begun. A thread begins with the part of its own number: what it wrote in the operation before is in its caches still.</summary>
        /// <param name="thread">Which thread.</param>
        public void RunParts(int thread)
        {
            if (thread < Math.Min(owned, count) && Begins(thread))
                Run(thread);
            for (int i = Interlocked.Increment(ref _next) - 1; i < count; i = Interlocked.Increment(ref _next) - 1)
            {
                if (i >= owned || Begins(i))
                    Run(i);
            }
        }

        private bool Begins(int index) => (Interlocked.Or(ref _begun, 1UL << index) >> index & 1) == 0;

        private void Run(int index)
        {
            try
            {
                part(index);
            }
            catch (Exception e)
            {
                // It is rethrown on the thread that asked.
                Interlocked.CompareExchange(ref _failure, e, null);
            }
            Interlocked.Increment(ref _done);
        }
    }
}
