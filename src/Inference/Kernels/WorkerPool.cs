namespace LlmService.Inference.Kernels;

/// <summary>A fixed set of threads that run the parts of one operation together. Several engine threads may use one pool; their operations take turns.</summary>
public sealed class WorkerPool : IDisposable
{
    /// <summary>Starts <paramref name="threadCount"/> - 1 threads; the caller of <see cref="Run"/> is the last one.</summary>
    public WorkerPool(int threadCount) => throw new NotSupportedException();

    /// <summary>How many parts run at once, the caller included.</summary>
    public int ThreadCount => throw new NotSupportedException();

    /// <summary>Runs <paramref name="part"/> for 0 … <paramref name="partCount"/> - 1, each once, and returns when all are done. Rethrows the first exception of a part.</summary>
    public void Run(int partCount, Action<int> part) => throw new NotSupportedException();

    /// <inheritdoc/>
    public void Dispose() => throw new NotSupportedException();
}
