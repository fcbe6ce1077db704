using System.Collections.Concurrent;

namespace LlmService.Hub;

/// <summary>Remembers hosts that could not be reached, so that a dead network costs its time-outs once and not once for every file.</summary>
internal sealed class CircuitBreaker(TimeProvider clock)
{
    private static readonly TimeSpan OpenTime = TimeSpan.FromSeconds(30);

    // Redirects choose the hosts, so their number has a bound.
    private const int MaxHosts = 64;

    private readonly ConcurrentDictionary<string, (HubException Failure, long Since)> _dead = new(StringComparer.Ordinal);

    /// <summary>Why the origin counts as dead; null when it may be asked.</summary>
    public HubException? FailureOf(string origin) =>
        _dead.TryGetValue(origin, out (HubException Failure, long Since) dead) && clock.GetElapsedTime(dead.Since) < OpenTime ? dead.Failure : null;

    public void Open(string origin, HubException failure)
    {
        if (_dead.Count >= MaxHosts)
            _dead.Clear();
        _dead[origin] = (failure, clock.GetTimestamp());
    }

    public void Close(string origin) => _dead.TryRemove(origin, out _);
}
