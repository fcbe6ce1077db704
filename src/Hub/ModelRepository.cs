namespace LlmService.Hub;

/// <summary>A model repository at one commit.</summary>
public sealed class ModelRepository
{
    /// <summary>The id in its canonical spelling.</summary>
    public RepoId Id => throw new NotSupportedException();

    /// <summary>The commit, 40 hex digits.</summary>
    public string Commit => throw new NotSupportedException();

    /// <summary>The files, sorted by path (ordinal). From the cache alone: those that the cache knows of.</summary>
    public IReadOnlyList<RepositoryFile> Files => throw new NotSupportedException();

    /// <summary>The folder of the cache that holds (or will hold) the files.</summary>
    public string SnapshotFolder => throw new NotSupportedException();

    /// <summary>Whether the Hub was not asked or not reached, so that only the cache answers.</summary>
    public bool FromCacheOnly => throw new NotSupportedException();

    /// <summary>Whether the Hub refused the token and the repository was then read anonymously.</summary>
    public bool TokenRefused => throw new NotSupportedException();

    /// <summary>Downloads what is not cached yet, verified, and returns the snapshot folder.</summary>
    /// <param name="paths">Paths from <see cref="Files"/>.</param>
    /// <exception cref="HubException">As <see cref="HubClient.OpenAsync"/>, and EntryNotFound, CorruptDownload, DiskFull.</exception>
    public Task<string> DownloadAsync(IReadOnlyCollection<string> paths, IProgress<DownloadProgress>? progress, CancellationToken cancellationToken) =>
        throw new NotSupportedException();
}
