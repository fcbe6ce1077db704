using System.Threading.Channels;

namespace LlmService.Inference.Scheduling;

/// <summary>The way of requests to the thread of a model: bounded, and closed at the end.</summary>
/// <typeparam name="T">A request.</typeparam>
/// <param name="capacity">Places of requests, running and waiting: a burst that arrives within one step gets the places that are free.</param>
/// <param name="take">Takes an arrival over, on the model's thread.</param>
internal sealed class ArrivalQueue<T>(int capacity, Action<T> take)
{
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
            _arrivals.Reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult();
        TakeArrivals();
        return !_isStopping;
    }

    /// <summary>Takes over what has arrived.</summary>
    public void TakeArrivals()
    {
        while (_arrivals.Reader.TryRead(out T? request))
            take(request);
    }
}
