namespace LlmService.Inference.Kernels;

/// <summary>What arithmetic runs on: the kernels, the threads, and the buffers of one engine thread.</summary>
internal sealed class Compute(KernelPath path, WorkerPool workers)
{
    // Some five microseconds: below that, the help of a second thread costs more than it brings.
    private const long WorkPerPart = 128 * 1024;

    private readonly QuantizedRows _quantized = new();

    public KernelPath Path { get; } = path;

    /// <summary>How many parts run at once.</summary>
    public int ThreadCount => workers.ThreadCount;

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

    /// <summary>Does something for each token; what a token costs is told in numbers that are touched.</summary>
    public void Each(int tokens, int numbers, Action<int> work)
    {
        int parts = Parts(16L * tokens * numbers, tokens);
        Run(parts, part =>
        {
            for (int token = (int)((long)tokens * part / parts); token < (int)((long)tokens * (part + 1) / parts); token++)
                work(token);
        });
    }

    /// <summary>Rows of activations in the numbers of a format; valid until the next call.</summary>
    /// <param name="format">The format of the weights that they are for.</param>
    /// <param name="input">[tokens, columns].</param>
    /// <param name="tokens">How many.</param>
    /// <param name="columns">Length of a row.</param>
    public QuantizedRows Quantize(TileFormat format, Memory<float> input, int tokens, int columns)
    {
        _quantized.Reserve(Path, format, tokens, columns);
        Each(tokens, columns, token => _quantized.Set(Path, token, input.Span.Slice(token * columns, columns)));
        return _quantized;
    }
}
