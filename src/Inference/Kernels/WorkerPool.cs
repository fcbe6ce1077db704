using System.Diagnostics;
using System.Runtime.ExceptionServices;

namespace LlmService.Inference.Kernels;

/// <summary>A fixed set of threads that run the parts of one operation together. Several engine threads may use one pool; their operations take turns.</summary>
public sealed class WorkerPool : IDisposable
{
    // How long an idle thread looks for the next operation before it sleeps: longer than the pause between two
    // operations of one forward pass, too short to be seen as load.
    private static readonly long SpinTicks = Stopwatch.Frequency / 20_000;

    // The low half of the state when there is nothing to claim.
    private const uint Closed = int.MaxValue;

    private readonly Thread[] _threads;
    private readonly Lock _turn = new();
    private readonly object _sleep = new();
    private Action<int> _part = static _ => { };
    private int _partCount;
    private int _done;
    private int _sleeping;
    private bool _stopped;
    private ExceptionDispatchInfo? _failure;

    // High half: the number of the operation. Low half: the next part to claim. A part is claimed by a compare-and-swap
    // of both, so a thread that looked at an earlier operation can never take a part of a later one.
    private ulong _state = Closed;

    /// <summary>Starts <paramref name="threadCount"/> - 1 threads; the caller of <see cref="Run"/> is the last one.</summary>
    public WorkerPool(int threadCount)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threadCount, 1);
        ThreadCount = threadCount;
        _threads = new Thread[threadCount - 1];
        for (int i = 0; i < _threads.Length; i++)
        {
            _threads[i] = new Thread(Work) { IsBackground = true, Name = $"kernels-{i + 1}" };
            _threads[i].Start();
        }
    }

    /// <summary>How many parts run at once, the caller included.</summary>
    public int ThreadCount { get; }

    /// <summary>Runs <paramref name="part"/> for 0 … <paramref name="partCount"/> - 1, each once, and returns when all are done. Rethrows the first exception of a part.</summary>
    /// <exception cref="InvalidOperationException">Called from inside a part.</exception>
    public void Run(int partCount, Action<int> part)
    {
        ArgumentNullException.ThrowIfNull(part);
        ArgumentOutOfRangeException.ThrowIfNegative(partCount);
        if (partCount <= 1 || ThreadCount == 1)
        {
            for (int i = 0; i < partCount; i++) part(i);
            return;
        }

        if (_turn.IsHeldByCurrentThread || Array.IndexOf(_threads, Thread.CurrentThread) >= 0)
            throw new InvalidOperationException("A part of an operation cannot start another operation on the same pool.");
        lock (_turn)
        {
            ObjectDisposedException.ThrowIf(_stopped, this);
            Open(partCount, part);
            while (TryRunOne()) { }
            SpinWait spin = default;
            while (Volatile.Read(ref _done) < partCount) spin.SpinOnce(sleep1Threshold: -1);
            ExceptionDispatchInfo? failure = _failure;
            _failure = null;
            failure?.Throw();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_turn)
        {
            lock (_sleep)
            {
                _stopped = true;
                Monitor.PulseAll(_sleep);
            }
        }

        foreach (Thread thread in _threads) thread.Join();
    }

    private void Open(int partCount, Action<int> part)
    {
        // The state is closed since the last part was claimed and every claimed part is done: nobody reads these fields.
        ulong operation = (_state >> 32) + 1;
        Volatile.Write(ref _state, (operation << 32) | Closed);
        _part = part;
        _partCount = partCount;
        _done = 0;
        Interlocked.Exchange(ref _state, operation << 32);
        if (Volatile.Read(ref _sleeping) == 0) return;
        lock (_sleep) Monitor.PulseAll(_sleep);
    }

    private bool TryRunOne()
    {
        while (true)
        {
            ulong state = Volatile.Read(ref _state);
            uint index = (uint)state;
            if (index == Closed) return false;
            Action<int> part = _part;
            ulong next = index + 1 < (uint)Volatile.Read(ref _partCount) ? state + 1 : state - index + Closed;
            if (Interlocked.CompareExchange(ref _state, next, state) != state) continue;
            Execute(part, (int)index);
            return true;
        }
    }

    private void Execute(Action<int> part, int index)
    {
        try
        {
            part(index);
        }
#pragma warning disable CA1031 // Handed to the caller of Run, whatever it is.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            Interlocked.CompareExchange(ref _failure, ExceptionDispatchInfo.Capture(exception), null);
        }
        finally
        {
            Interlocked.Increment(ref _done);
        }
    }

    private void Work()
    {
        while (true)
        {
            while (TryRunOne()) { }
            if (SpinForWork()) continue;
            lock (_sleep)
            {
                Interlocked.Increment(ref _sleeping);
                while (!_stopped && (uint)Volatile.Read(ref _state) == Closed) Monitor.Wait(_sleep);
                Interlocked.Decrement(ref _sleeping);
                if (_stopped) return;
            }
        }
    }

    private bool SpinForWork()
    {
        long end = Stopwatch.GetTimestamp() + SpinTicks;
        while (Stopwatch.GetTimestamp() < end)
        {
            for (int i = 0; i < 8; i++)
            {
                if ((uint)Volatile.Read(ref _state) != Closed) return true;
                Thread.SpinWait(4);
            }
        }

        return false;
    }
}
