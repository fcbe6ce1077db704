using System.Runtime.ExceptionServices;

namespace LlmService.Inference.Kernels;

/// <summary>A fixed set of threads that run the parts of one operation together. Several engine threads may use one pool; their operations take turns.</summary>
public sealed class WorkerPool : IDisposable
{
    // Long enough to bridge the gap between two operations of a layer, short enough to give a core back that somebody else needs.
    private const int SpinIterations = 400;

    private readonly Thread[] _threads;
    private readonly Lock _turn = new();
    private readonly object _gate = new();
    private Action<int>? _part;
    private int _partCount;
    private int _nextPart;
    private int _active;
    private int _generation;
    private bool _disposed;
    private Exception? _failure;

    /// <summary>Starts <paramref name="threadCount"/> - 1 threads; the caller of <see cref="Run"/> is the last one.</summary>
    public WorkerPool(int threadCount)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threadCount, 1);
        ThreadCount = threadCount;
        _threads = new Thread[threadCount - 1];
        for (int i = 0; i < _threads.Length; i++)
        {
            _threads[i] = new Thread(Work) { IsBackground = true, Name = $"llm-worker-{i + 1}" };
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
            _part = part;
            _partCount = partCount;
            _nextPart = 0;
            _failure = null;
            Volatile.Write(ref _active, _threads.Length);
            lock (_gate)
            {
                _generation++;
                Monitor.PulseAll(_gate);
            }
            RunParts();
            SpinWait spin = default;
            while (Volatile.Read(ref _active) != 0)
                spin.SpinOnce(sleep1Threshold: -1);
            _part = null;
            if (_failure is { } failure)
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
                _generation++;
                Monitor.PulseAll(_gate);
            }
        }
        foreach (Thread thread in _threads)
            thread.Join();
    }

    private void Work()
    {
        int seen = 0;
        while (true)
        {
            seen = WaitForNext(seen);
            if (_disposed)
                return;
            RunParts();
            Interlocked.Decrement(ref _active);
        }
    }

    private int WaitForNext(int seen)
    {
        SpinWait spin = default;
        for (int i = 0; i < SpinIterations; i++)
        {
            if (Volatile.Read(ref _generation) != seen)
                return Volatile.Read(ref _generation);
            spin.SpinOnce(sleep1Threshold: -1);
        }
        lock (_gate)
        {
            while (_generation == seen)
                Monitor.Wait(_gate);
            return _generation;
        }
    }

    private void RunParts()
    {
        try
        {
            for (int i = Interlocked.Increment(ref _nextPart) - 1; i < _partCount; i = Interlocked.Increment(ref _nextPart) - 1)
                _part!(i);
        }
        catch (Exception e)
        {
            // It is rethrown on the thread that asked.
            Interlocked.CompareExchange(ref _failure, e, null);
        }
    }
}
