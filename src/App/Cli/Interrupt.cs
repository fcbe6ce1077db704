using System.Runtime.InteropServices;

namespace LlmService.App.Cli;

/// <summary>Turns Ctrl-C and SIGTERM into a cancellation; the second one ends the process at once.</summary>
internal sealed class Interrupt : IDisposable
{
    private const int Terminated = 143;

    private readonly CancellationTokenSource _source = new();
    private readonly PosixSignalRegistration[] _registrations;
    private int _count;

    public Interrupt() => _registrations =
    [
        PosixSignalRegistration.Create(PosixSignal.SIGINT, Handle),
        PosixSignalRegistration.Create(PosixSignal.SIGTERM, Handle),
    ];

    public CancellationToken Token => _source.Token;

    /// <summary>Whether the first signal was Ctrl-C.</summary>
    public bool ByCtrlC { get; private set; }

    /// <summary>Waits for a person, until Ctrl-C. The read itself cannot be stopped; it ends with the process.</summary>
    public static Task<string?> AskAsync(Func<string?> read, CancellationToken cancellationToken) =>
        Task.Run(read, CancellationToken.None).WaitAsync(cancellationToken);

    public void Dispose()
    {
        foreach (PosixSignalRegistration registration in _registrations)
            registration.Dispose();
        _source.Dispose();
    }

    private void Handle(PosixSignalContext signal)
    {
        signal.Cancel = true;
        if (Interlocked.Increment(ref _count) > 1)
            Environment.Exit(signal.Signal == PosixSignal.SIGINT ? FailureCode.Interrupted.ExitCode : Terminated);
        ByCtrlC = signal.Signal == PosixSignal.SIGINT;
        // Off the signal thread: a callback must not hold up a second signal.
        ThreadPool.QueueUserWorkItem(_ => _source.Cancel());
    }
}
