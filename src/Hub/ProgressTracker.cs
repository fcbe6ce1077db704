namespace LlmService.Hub;

/// <summary>Adds up what the parallel downloads of one call received, and reports not too often.</summary>
internal sealed class ProgressTracker(IProgress<DownloadProgress>? progress, IReadOnlyList<RepositoryFile> files, TimeProvider clock)
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);

    /// <summary>The rate is that of these last seconds: long enough to be calm, short enough to show a stall.</summary>
    private static readonly TimeSpan RateWindow = TimeSpan.FromSeconds(10);

    private readonly Lock _gate = new();
    private readonly Dictionary<string, long> _received = [];
    private readonly Queue<(long Time, long Transferred)> _samples = [];
    private readonly long _totalSize = files.Aggregate(0L, (sum, file) => sum > long.MaxValue - file.SizeBytes ? long.MaxValue : sum + file.SizeBytes);
    private long _total;
    private long _transferred;
    private long _lastReport;

    /// <summary>Bytes that were there before this call: they count as received and not as moved.</summary>
    public void Found(RepositoryFile file, long received) => Move(file, received, overTheNetwork: 0);

    /// <summary>Bytes of the file that are there by now.</summary>
    public void Report(RepositoryFile file, long received) => Move(file, received, overTheNetwork: 1);

    private void Move(RepositoryFile file, long received, int overTheNetwork)
    {
        if (progress is null)
            return;
        lock (_gate)
        {
            bool known = _received.TryGetValue(file.Path, out long before);
            bool finished = received == file.SizeBytes && (!known || before != received);
            _total += received - before;
            _transferred += Math.Max(0, received - before) * overTheNetwork;
            _received[file.Path] = received;
            if (overTheNetwork == 0 && !finished)
                return;
            if (!finished && _lastReport != 0 && clock.GetElapsedTime(_lastReport) < Interval)
                return;
            _lastReport = clock.GetTimestamp();
            double rate = Rate(_lastReport);
            TimeSpan? left = rate > 0 ? TimeSpan.FromSeconds(Math.Min((_totalSize - _total) / rate, TimeSpan.FromDays(1000).TotalSeconds)) : null;
            // Inside the lock, so that the totals never go backwards for the listener.
            progress.Report(new DownloadProgress(file.Path, received, file.SizeBytes, _total, _totalSize, rate, left));
        }
    }

    private double Rate(long now)
    {
        _samples.Enqueue((now, _transferred));
        while (_samples.Count > 2 && clock.GetElapsedTime(_samples.Peek().Time, now) > RateWindow)
            _samples.Dequeue();
        (long time, long transferred) = _samples.Peek();
        double seconds = clock.GetElapsedTime(time, now).TotalSeconds;
        return seconds > 0 ? (_transferred - transferred) / seconds : 0;
    }
}
