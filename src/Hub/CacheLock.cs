namespace LlmService.Hub;

/// <summary>An operating-system lock on a file of the cache, compatible with other Hub clients. The file stays behind; only the lock counts.</summary>
internal static class CacheLock
{
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(100);

    /// <summary>How long the holder may bring nothing before it counts as dead.</summary>
    private static readonly TimeSpan MaxStandstill = TimeSpan.FromSeconds(60);

    // EWOULDBLOCK on Linux and macOS, sharing and lock violation on Windows.
    private static readonly int[] HeldByAnother = [11, 35, unchecked((int)0x80070020), unchecked((int)0x80070021)];

    // 0664: in a cache that a group shares, each member can take the lock.
    private const UnixFileMode SharedWithGroup =
        UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead;

    /// <summary>Waits until the lock is free: for hours when the holder makes progress, else for a minute.</summary>
    /// <param name="path">The lock file.</param>
    /// <param name="progress">Any number that changes while the holder gets on.</param>
    /// <param name="clock">The clock of the wait.</param>
    /// <param name="cancellationToken">Stops the wait.</param>
    /// <returns>The held lock; null when its holder stands still. The caller then works on files of its own.</returns>
    public static async Task<FileStream?> AcquireAsync(string path, Func<long> progress, TimeProvider clock, CancellationToken cancellationToken)
    {
        long seen = progress();
        long since = clock.GetTimestamp();
        while (true)
        {
            if (TryAcquire(path) is { } held)
                return held;
            long now = progress();
            if (now != seen)
                (seen, since) = (now, clock.GetTimestamp());
            else if (clock.GetElapsedTime(since) >= MaxStandstill)
                return null;
            await Task.Delay(PollInterval, clock, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Takes the lock if it is free; null when another process, or another task of this one, holds it.</summary>
    public static FileStream? TryAcquire(string path)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        try
        {
            return Open(path);
        }
        catch (IOException failure) when (HeldByAnother.Contains(failure.HResult))
        {
            return null;
        }
    }

    private static FileStream Open(string path)
    {
        var options = new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = FileAccess.ReadWrite, Share = FileShare.None, BufferSize = 0 };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = SharedWithGroup;
        return new FileStream(path, options);
    }
}
