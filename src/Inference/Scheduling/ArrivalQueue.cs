using System.Threading.Channels;

namespace LlmService.Inference.Scheduling;

/// <summary>The way of requests to the thread of a model: bounded, and closed at the end.</summary>
/// <typeparam name="T">A request.</typeparam>
/// <param name="capacity">Places of requests, running and waiting: a burst that arrives within one step gets the places that are free.</param>
/// <param name="take">Takes an arrival over, on the model's thread.</param>
/// <param name="rest">Called on the model's thread when nothing has arrived for <see cref="Patience"/>; gives memory up, and returns how many bytes.</param>
/// <param name="clock">Measures the patience.</param>
internal sealed class ArrivalQueue<T>(int capacity, Action<T> take, Func<long> rest, TimeProvider clock)
{
    /// <summary>How long a model keeps what it does not need without requests.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    // Below that it is not worth the while.
    private const long LeastReturned = 8 << 20;

    // The waiting thread is woken by the writer itself: no thread of the pool is needed between them.
    private readonly Channel<T> _arrivals = Channel.CreateUnbounded<T>(new UnboundedChannelOptions { SingleReader = true, AllowSynchronousContinuations = true });
    private int _count;
    private volatile bool _isStopping;

    /// <summary>Places that are taken.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>Whether the thread is to end.</summary>
    public bool IsStopping => _isStopping;

    /// <summary>Puts a request into the queue. Any thread. False when all places are taken.</summary>
    /// <exception cref="ObjectDisposedException">The queue has been closed.</exception>
    public bool TryEnqueue(T request)
    {
        if (Interlocked.Increment(ref _count) > capacity)
        {
            Interlocked.Decrement(ref _count);
            return false;
        }
        ObjectDisposedException.ThrowIf(!_arrivals.Writer.TryWrite(request), typeof(LlmEngine));
        return true;
    }

    /// <summary>Gives the place of a request back.</summary>
    public void Leave() => Interlocked.Decrement(ref _count);

    /// <summary>Closes the queue; the thread ends. What arrived before is taken by <see cref="TakeArrivals"/>.</summary>
    public void Stop()
    {
        _arrivals.Writer.TryComplete();
        _isStopping = true;
    }

    /// <summary>Takes arrivals over; blocks while there is nothing to do. False when the thread is to end.</summary>
    /// <param name="hasWork">Whether there is something to do without arrivals.</param>
    public bool WaitForWork(bool hasWork)
    {
        if (!hasWork && !_isStopping)
            Wait();
        TakeArrivals();
        return !_isStopping;
    }

    private void Wait()
    {
        Task arrival = _arrivals.Reader.WaitToReadAsync().AsTask();
        arrival.WaitAsync(Patience, clock).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing).GetAwaiter().GetResult();
        // The runtime gives memory back to the system when it collects, and without work it does not.
        if (!arrival.IsCompleted && rest() >= LeastReturned)
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        arrival.GetAwaiter().GetResult();
    }

    /// <summary>Takes over what has arrived.</summary>
    public void TakeArrivals()
    {
        while (_arrivals.Reader.TryRead(out T? request))
            take(request);
    }
}
