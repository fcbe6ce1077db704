namespace LlmService.Hub.Cache;

/// <summary>The models on this machine: the cache folder that all clients of the Hub share. Nothing here needs a network.</summary>
/// <param name="folder">The cache folder, as in <see cref="HubOptions.CacheFolder"/>. It need not exist.</param>
public sealed class ModelCache(string folder)
{
    /// <summary>The cache folder.</summary>
    public string Folder { get; } = Path.GetFullPath(folder);

    /// <summary>All models, sorted by id (ordinal).</summary>
    /// <exception cref="IOException">The folder cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder may not be read.</exception>
    public IReadOnlyList<CachedModel> List() => CacheScan.Read(Folder);

    /// <summary>One model; null when nothing of it is there.</summary>
    /// <exception cref="IOException">The folder cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder may not be read.</exception>
    public CachedModel? Find(RepoId id) => CacheScan.Read(Folder, id);

    /// <summary>One snapshot of a model, by a branch, a tag or a commit; null when it is not there.</summary>
    public static CachedSnapshot? Find(CachedModel model, string revision)
    {
        ArgumentNullException.ThrowIfNull(model);
        return model.Snapshots.FirstOrDefault(s => s.Commit == revision) ?? model.Snapshots.FirstOrDefault(s => s.Revisions.Contains(revision));
    }

    /// <summary>What removing a model, or one revision of it, would do. Nothing happens before <see cref="CacheRemoval.Execute"/>.</summary>
    /// <param name="id">The model.</param>
    /// <param name="revision">A branch, tag or commit; null for everything of the model. A branch or tag whose commit has other names too
    /// loses only its name.</param>
    /// <returns>Null when that is not in the cache.</returns>
    public CacheRemoval? PlanRemoval(RepoId id, string? revision)
    {
        if (CacheScan.Read(Folder, id) is not { } model)
            return null;
        if (revision is null)
            return new CacheRemoval(Folder, [ModelRemoval.OfAll(model)]);
        if (Find(model, revision) is not { } snapshot)
            return null;
        bool nameOnly = snapshot.Commit != revision && snapshot.Revisions.Count > 1;
        return new CacheRemoval(Folder, [nameOnly ? ModelRemoval.OfName(model, revision) : ModelRemoval.OfSnapshots(model, [snapshot])]);
    }

    /// <summary>What pruning would remove: snapshots that no branch or tag names any more, downloads that were broken off, blobs that no snapshot uses.
    /// Its execution also sweeps up what killed processes left elsewhere.</summary>
    /// <param name="clock">The clock that tells how old a leftover is.</param>
    public CacheRemoval PlanPrune(TimeProvider clock)
    {
        ArgumentNullException.ThrowIfNull(clock);
        return new(Folder, [.. CacheScan.Read(Folder).Select(ModelRemoval.OfUnused).Where(removal => !removal.IsEmpty)]) { SweepAt = clock.GetUtcNow() };
    }

    /// <summary>Hashes what is cached of a model, file by file as it goes.</summary>
    /// <param name="model">The model.</param>
    /// <param name="revision">A branch, tag or commit; null for everything, also blobs that no snapshot uses.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <exception cref="ArgumentException">The revision is not cached.</exception>
    /// <exception cref="IOException">A file cannot be read.</exception>
    public IAsyncEnumerable<VerifiedFile> VerifyAsync(CachedModel model, string? revision, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(model);
        // A folder that may not be read would look like one without files.
        _ = Directory.GetFileSystemEntries(model.Folder);
        if (revision is null)
            return new CacheVerification(Folder, model).RunAsync(model.Snapshots, withLooseBlobs: true, cancellationToken);
        CachedSnapshot snapshot = Find(model, revision) ?? throw new ArgumentException($"'{model.Id}' at '{revision}' is not in the cache.", nameof(revision));
        return new CacheVerification(Folder, model).RunAsync([snapshot], withLooseBlobs: false, cancellationToken);
    }
}
