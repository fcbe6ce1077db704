namespace LlmService.Inference.Weights.Tiles;

/// <summary>
/// A folder where packed weights are kept from run to run, so that a model which was packed once is mapped the next time. What lies there can be made again at any time:
/// whatever is damaged, foreign or unreachable is passed over in silence, and the model is packed in memory as if there were no cache. Any number of processes may use one folder.
/// </summary>
public sealed class TileCache
{
    internal const string Ending = ".tiles", PartEnding = ".part";

    // Other programs need the disk too.
    private const long SpareDiskBytes = 1L << 30;

    /// <summary>Names the folder; it is made when something is written.</summary>
    /// <param name="folder">A full path.</param>
    /// <param name="maxBytes">What all files together may take; those that were not used for the longest time make room for new ones.</param>
    public TileCache(string folder, long maxBytes)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentOutOfRangeException.ThrowIfNegative(maxBytes);
        Folder = folder;
        MaxBytes = maxBytes;
    }

    /// <summary>The folder.</summary>
    public string Folder { get; }

    /// <summary>What all files together may take.</summary>
    public long MaxBytes { get; }

    /// <summary>Models whose packed weights are smaller are packed each time: that takes no longer than a file is worth.</summary>
    public long SmallestModelBytes { get; init; } = 32L << 20;

    /// <summary>What is kept, the last used first; empty where the folder is not there.</summary>
    /// <exception cref="IOException">The folder cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder cannot be read.</exception>
    public IReadOnlyList<CachedTiles> List() => !Directory.Exists(Folder) ? []
        : [.. new DirectoryInfo(Folder).EnumerateFiles("*" + Ending).Select(file => new CachedTiles(file.Name, file.Length, file.LastWriteTimeUtc)).OrderByDescending(tiles => tiles.LastUsed)];

    /// <summary>Removes everything that is kept. A model that runs goes on.</summary>
    /// <returns>What was removed.</returns>
    /// <exception cref="IOException">A file cannot be removed.</exception>
    /// <exception cref="UnauthorizedAccessException">A file cannot be removed.</exception>
    public IReadOnlyList<CachedTiles> Clear()
    {
        IReadOnlyList<CachedTiles> all = List();
        foreach (CachedTiles tiles in all)
            File.Delete(Path.Combine(Folder, tiles.Name));
        if (Directory.Exists(Folder))
            RemoveBrokenOff();
        return all;
    }

    /// <summary>Removes what was not used for the longest time until so many bytes fit; false where they cannot.</summary>
    /// <param name="bytes">What is to be written.</param>
    /// <param name="replaced">The name of the file that is written anew.</param>
    internal bool TryMakeRoom(long bytes, string replaced)
    {
        if (bytes > MaxBytes)
            return false;
        RemoveBrokenOff();
        CachedTiles[] others = [.. List().Where(tiles => tiles.Name != replaced)];
        long kept = others.Sum(tiles => tiles.SizeBytes);
        foreach (CachedTiles oldest in others.Reverse().TakeWhile(_ => kept + bytes > MaxBytes))
        {
            File.Delete(Path.Combine(Folder, oldest.Name));
            kept -= oldest.SizeBytes;
        }
        return FreeDiskBytes() - bytes >= SpareDiskBytes;
    }

    /// <summary>Files that a process left behind when it ended while writing. One that still writes holds its file locked.</summary>
    private void RemoveBrokenOff()
    {
        foreach (string part in Directory.EnumerateFiles(Folder, "*" + PartEnding))
        {
            try
            {
                using FileStream unlocked = new(part, FileMode.Open, FileAccess.ReadWrite, FileShare.None, 1, FileOptions.DeleteOnClose);
            }
            catch (Exception e) when (IsRefusal(e))
            {
                // It is being written, or is not ours.
            }
        }
    }

    private long FreeDiskBytes()
    {
        try
        {
            return new DriveInfo(Folder).AvailableFreeSpace;
        }
        catch (Exception e) when (IsRefusal(e) || e is ArgumentException)
        {
            // Some mounts cannot tell; writing will.
            return long.MaxValue;
        }
    }

    /// <summary>Whether an exception says that a file or folder cannot be used.</summary>
    internal static bool IsRefusal(Exception e) => e is IOException or UnauthorizedAccessException;
}

/// <summary>The packed weights of a model in the cache.</summary>
/// <param name="Name">The file: model, format and key.</param>
/// <param name="SizeBytes">Its size.</param>
/// <param name="LastUsed">When it was last written or mapped, in UTC.</param>
public sealed record CachedTiles(string Name, long SizeBytes, DateTime LastUsed);
