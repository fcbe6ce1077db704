namespace LlmService.Hub;

/// <summary>An operating-system lock on a file of the cache, compatible with other Hub clients. The file stays behind; only the lock counts.</summary>
internal static class CacheLock
{
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(100);

    /// <summary>How long the holder may bring nothing before it counts as dead.</summary>
    private static readonly TimeSpan MaxStandstill = TimeSpan.FromSeconds(60);

    // EWOULDBLOCK on Linux and macOS, sharing and lock violation on Windows.
    private static readonly int[] HeldByAnother = [11, 35, unchecked((int)0x80070020), unchecked((int)0x80070021)];

    /// <summary>Waits until the lock is free: for hours when the holder makes progress, else for a minute.</summary>
    /// <param name="path">The lock file.</param>
    /// <param name="progress">Any number that changes while the holder gets on.</param>
    /// <param name="clock">The clock of the wait.</param>
    /// <param name="cancellationToken">Stops the wait.</param>
    /// <returns>The held lock; null when its holder stands still. The caller then works on files of its own.</returns>
    public static async Task<FileStream?> AcquireAsync(string path, Func<long> progress, TimeProvider clock, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        long seen = progress();
        long since = clock.GetTimestamp();
        while (true)
        {
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0);
            }
            catch (IOException failure) when (HeldByAnother.Contains(failure.HResult))
            {
                long now = progress();
                if (now != seen)
                    (seen, since) = (now, clock.GetTimestamp());
                else if (clock.GetElapsedTime(since) >= MaxStandstill)
                    return null;
                await Task.Delay(PollInterval, clock, cancellationToken).ConfigureAwait(false);
            }
        }
    }
}
