namespace LlmService.Inference.Kernels;

/// <summary>What arithmetic runs on: the kernels and the threads.</summary>
internal sealed class Compute(KernelPath path, WorkerPool workers)
{
    // Some ten microseconds: below that, waking a second thread costs more than it brings.
    private const long WorkPerPart = 256 * 1024;

    public KernelPath Path { get; } = path;

    /// <summary>In how many parts to split an operation.</summary>
    /// <param name="work">Multiplications in all.</param>
    /// <param name="units">How many pieces there are that cannot be split.</param>
    public int Parts(long work, int units) => (int)Math.Clamp(work / WorkPerPart, 1, Math.Min(units, workers.ThreadCount * 4));

    public void Run(int parts, Action<int> part)
    {
        if (parts == 1)
            part(0);
        else
            workers.Run(parts, part);
    }
}
