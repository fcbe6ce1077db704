namespace LlmService.Hub;

/// <summary>Holds back all requests of one quota while the Hub wants none, and lets them go one after the other.</summary>
internal sealed class RateGate(TimeProvider clock)
{
    // Parallel downloads that wake at the same instant would use the new window up at once.
    private static readonly TimeSpan Spacing = TimeSpan.FromMilliseconds(50);

    private readonly Lock _lock = new();
    private readonly Dictionary<string, (DateTimeOffset Opens, DateTimeOffset NextTurn)> _closed = new(StringComparer.Ordinal);

    /// <summary>The quota that a request counts against: the Hub counts file addresses and calls apart.</summary>
    public static string QuotaOf(Uri uri) =>
        TrustedOrigins.Origin(uri) + (uri.AbsolutePath.Contains("/resolve/", StringComparison.Ordinal) ? " resolvers" : " api");

    /// <summary>No request of this quota before the wait is over.</summary>
    public void Close(string quota, TimeSpan wait)
    {
        lock (_lock)
        {
            DateTimeOffset opens = clock.GetUtcNow() + wait;
            if (!_closed.TryGetValue(quota, out (DateTimeOffset Opens, DateTimeOffset NextTurn) known) || known.Opens < opens)
                _closed[quota] = (opens, opens);
        }
    }

    /// <summary>Waits for this request's turn.</summary>
    public async Task PassAsync(string quota, CancellationToken cancellationToken)
    {
        TimeSpan wait = Turn(quota);
        if (wait > TimeSpan.Zero)
            await Task.Delay(wait, clock, cancellationToken).ConfigureAwait(false);
    }

    private TimeSpan Turn(string quota)
    {
        lock (_lock)
        {
            DateTimeOffset now = clock.GetUtcNow();
            if (!_closed.TryGetValue(quota, out (DateTimeOffset Opens, DateTimeOffset NextTurn) closed))
                return TimeSpan.Zero;
            if (closed.Opens <= now)
            {
                _closed.Remove(quota);
                return TimeSpan.Zero;
            }
            _closed[quota] = closed with { NextTurn = closed.NextTurn + Spacing };
            return closed.NextTurn - now;
        }
    }
}
