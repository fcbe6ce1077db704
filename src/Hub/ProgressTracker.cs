namespace LlmService.Hub;

/// <summary>Adds up what the parallel downloads of one call received, and reports not too often.</summary>
internal sealed class ProgressTracker(IProgress<DownloadProgress>? progress, IReadOnlyList<RepositoryFile> files, TimeProvider clock)
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);

    private readonly Lock _gate = new();
    private readonly Dictionary<string, long> _received = [];
    private readonly long _totalSize = files.Aggregate(0L, (sum, file) => sum > long.MaxValue - file.SizeBytes ? long.MaxValue : sum + file.SizeBytes);
    private long _total;
    private long _lastReport;

    public void Report(RepositoryFile file, long received)
    {
        if (progress is null)
            return;
        lock (_gate)
        {
            bool known = _received.TryGetValue(file.Path, out long before);
            bool finished = received == file.SizeBytes && (!known || before != received);
            _total += received - before;
            _received[file.Path] = received;
            if (!finished && _lastReport != 0 && clock.GetElapsedTime(_lastReport) < Interval)
                return;
            _lastReport = clock.GetTimestamp();
            // Inside the lock, so that the totals never go backwards for the listener.
            progress.Report(new DownloadProgress(file.Path, received, file.SizeBytes, _total, _totalSize));
        }
    }
}
