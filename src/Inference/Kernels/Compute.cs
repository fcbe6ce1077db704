namespace LlmService.Inference.Kernels;

/// <summary>What arithmetic runs on: the kernels, the threads, and the buffers of one engine thread.</summary>
internal sealed class Compute(KernelPath path, WorkerPool workers)
{
    // Some five microseconds: below that, the help of a second thread costs more than it brings.
    private const long WorkPerPart = 128 * 1024;

    private const int MostRounds = 5;

    private readonly QuantizedRows _quantized = new(), _pieces = new();

    public KernelPath Path { get; } = path;

    /// <summary>How many parts run at once.</summary>
    public int ThreadCount => workers.ThreadCount;

    /// <summary>
    /// Splits an operation among the threads. In each of some rounds they take two thirds of what is left: the first spans are long, so that memory is read in few streams,
    /// and the last are short, so that all threads end together even where one was held up.
    /// </summary>
    /// <param name="work">Multiplications in all.</param>
    /// <param name="units">How many pieces there are that cannot be split.</param>
    /// <param name="span">Does some of them, from the first to before the end.</param>
    public void Split(long work, int units, Action<int, int> span)
    {
        int threads = (int)Math.Clamp(work / WorkPerPart, 1, Math.Clamp(units, 1, ThreadCount));
        if (threads == 1)
            span(0, units);
        else
            Split(work, units, threads, span);
    }

    /// <summary>Lets each thread do a part of its own first, the same in every operation, and splits what is left.</summary>
    /// <param name="own">The part of a thread: two thirds of the operation in all.</param>
    /// <param name="work">Multiplications of what is left.</param>
    /// <param name="units">How many pieces of it there are that cannot be split.</param>
    /// <param name="span">Does some of them, from the first to before the end.</param>
    public void Split(Action<int> own, long work, int units, Action<int, int> span) => Split(work, units, ThreadCount, span, own);

    private void Split(long work, int units, int threads, Action<int, int> span, Action<int>? own = null)
    {
        int rounds = 1, owned = own is null ? 0 : threads;
        for (long smallest = work / threads / 3; rounds < MostRounds && smallest >= WorkPerPart; smallest /= 3)
            rounds++;
        workers.Run(owned + threads * rounds, part =>
        {
            if (part < owned)
            {
                own!(part);
                return;
            }
            int first = Start(part - owned), end = Start(part - owned + 1);
            if (first < end)
                span(first, end);
        });

        int Start(int part)
        {
            int round = part / threads;
            double left = Math.Pow(3, -round), taken = round == rounds - 1 ? left : left * 2 / 3;
            return part == threads * rounds ? units : (int)(units * (1 - left + taken * (part % threads) / threads));
        }
    }

    /// <summary>Runs parts of an operation that are as long as each other.</summary>
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
        Split(16L * tokens * numbers, tokens, (first, end) =>
        {
            for (int token = first; token < end; token++)
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
        Split(16L * tokens * columns, tokens, (first, end) => _quantized.Set(Path, first, end - first, input.Span[(first * columns)..], columns, columns));
        return _quantized;
    }

    /// <summary>Room for rows of activations that are quantised piece by piece; valid until the next call.</summary>
    /// <param name="format">The format of the weights that they are for.</param>
    /// <param name="tokens">How many.</param>
    /// <param name="columns">Length of a row.</param>
    public QuantizedRows Reserve(TileFormat format, int tokens, int columns)
    {
        _pieces.Reserve(Path, format, tokens, columns);
        return _pieces;
    }

    /// <summary>Gives the buffers up, which the next operations make anew; no rows may be in use.</summary>
    /// <returns>Their bytes.</returns>
    public long ReleaseBuffers() => _quantized.Release() + _pieces.Release();
}
