using System.Threading.Channels;
using LlmService.Inference;

namespace LlmService.App.Http.OpenAi;

/// <summary>What is new in one of the choices of a request.</summary>
internal readonly record struct ChoiceUpdate(int Choice, GenerationUpdate Update);

/// <summary>All sequences of one request, submitted together; their updates arrive interleaved, as they come.</summary>
internal sealed class Submission : IAsyncDisposable
{
    private const int BufferedUpdates = 256;

    private readonly CancellationTokenSource _cancellation;
    private readonly Channel<ChoiceUpdate> _updates = Channel.CreateBounded<ChoiceUpdate>(new BoundedChannelOptions(BufferedUpdates) { SingleReader = true });
    private Task _pumps = Task.CompletedTask;

    private Submission(CancellationToken cancellationToken) =>
        _cancellation = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);

    /// <summary>The updates of all choices; ends when every choice has, and throws what ended one of them.</summary>
    public ChannelReader<ChoiceUpdate> Updates => _updates.Reader;

    /// <summary>Submits every request, or none: when one is refused the earlier ones are withdrawn.</summary>
    /// <exception cref="InferenceException">What the engine refuses.</exception>
    public static async Task<Submission> StartAsync(LlmEngine engine, IEnumerable<GenerationRequest> requests, CancellationToken cancellationToken)
    {
        Submission submission = new(cancellationToken);
        bool started = false;
        try
        {
            GenerationRequest[] all = [.. requests];
            List<IAsyncEnumerable<GenerationUpdate>> sequences = [.. all.Select(r => engine.GenerateAsync(r, submission._cancellation.Token))];
            submission.Pump(sequences, all.Length == 0 ? 1 : all[0].Answers);
            started = true;
            return submission;
        }
        finally
        {
            if (!started)
                await submission.DisposeAsync();
        }
    }

    /// <summary>Ends what still runs.</summary>
    public async ValueTask DisposeAsync()
    {
        await _cancellation.CancelAsync();
        await _pumps.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _cancellation.Dispose();
    }

    private void Pump(List<IAsyncEnumerable<GenerationUpdate>> sequences, int answers)
    {
        Task[] pumps = [.. sequences.Select((sequence, i) => PumpAsync(i * answers, sequence))];
        _pumps = Task.WhenAll(pumps);
        // The first failure ends the whole answer; the other sequences end when this is disposed.
        _ = FirstFailureAsync(pumps).ContinueWith(
            all => _updates.Writer.TryComplete(all.Exception?.InnerException ?? (all.IsCanceled ? new OperationCanceledException() : null)),
            CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    private async Task PumpAsync(int firstChoice, IAsyncEnumerable<GenerationUpdate> sequence)
    {
        await foreach (GenerationUpdate update in sequence.WithCancellation(_cancellation.Token))
            await _updates.Writer.WriteAsync(new(firstChoice + update.Answer, update), _cancellation.Token);
    }

    private static async Task FirstFailureAsync(Task[] pumps)
    {
        await foreach (Task pump in Task.WhenEach(pumps))
            await pump;
    }
}
