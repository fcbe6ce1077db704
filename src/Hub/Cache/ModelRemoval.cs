namespace LlmService.Hub.Cache;

/// <summary>What is to be removed of one model.</summary>
/// <param name="Id">The model.</param>
/// <param name="Commits">The snapshots to remove.</param>
/// <param name="Revisions">The branches and tags to forget.</param>
/// <param name="IsWhole">Whether everything of the model goes.</param>
/// <param name="SizeBytes">Bytes that this frees; counted when the plan was made.</param>
public sealed record ModelRemoval(RepoId Id, IReadOnlyList<string> Commits, IReadOnlyList<string> Revisions, bool IsWhole, long SizeBytes)
{
    /// <summary>Blobs that may go, if no snapshot uses them then.</summary>
    internal IReadOnlyList<string> Blobs { get; init; } = [];

    internal bool IsEmpty => Commits.Count == 0 && Revisions.Count == 0 && Blobs.Count == 0;

    internal static ModelRemoval OfAll(CachedModel model) =>
        new(model.Id, [.. model.Snapshots.Select(s => s.Commit)], [.. model.Snapshots.SelectMany(s => s.Revisions)], IsWhole: true, model.SizeBytes)
        {
            Blobs = [.. BlobsIn(model)],
        };

    internal static ModelRemoval OfName(CachedModel model, string revision) => new(model.Id, [], [revision], IsWhole: false, 0);

    internal static ModelRemoval OfSnapshots(CachedModel model, IReadOnlyList<CachedSnapshot> snapshots)
    {
        // The last snapshot takes with it what only served it: references, listings, broken downloads.
        if (snapshots.Count > 0 && snapshots.Count == model.Snapshots.Count)
            return OfAll(model);
        HashSet<string> kept = UsedBy(model.Snapshots.Except(snapshots));
        return Create(model, snapshots, UsedBy(snapshots).Where(blob => !kept.Contains(blob)));
    }

    internal static ModelRemoval OfUnused(CachedModel model)
    {
        List<CachedSnapshot> unnamed = [.. model.Snapshots.Where(snapshot => snapshot.Revisions.Count == 0)];
        if (unnamed.Count > 0 && unnamed.Count == model.Snapshots.Count)
            return OfAll(model);
        HashSet<string> kept = UsedBy(model.Snapshots.Except(unnamed));
        return Create(model, unnamed, BlobsIn(model).Where(blob => !kept.Contains(blob)));
    }

    private static ModelRemoval Create(CachedModel model, IReadOnlyList<CachedSnapshot> snapshots, IEnumerable<string> unusedBlobs)
    {
        string[] blobs = [.. unusedBlobs];
        long size = blobs.Sum(blob => FolderContent.OwnBytes(Path.Combine(model.Folder, "blobs", blob)))
            + snapshots.SelectMany(s => s.Files).Where(file => file.Blob is null).Sum(file => file.SizeBytes ?? 0);
        return new(model.Id, [.. snapshots.Select(s => s.Commit)], [.. snapshots.SelectMany(s => s.Revisions)], IsWhole: false, size) { Blobs = blobs };
    }

    private static HashSet<string> UsedBy(IEnumerable<CachedSnapshot> snapshots) =>
        [.. snapshots.SelectMany(s => s.Files).Select(file => file.Blob).OfType<string>()];

    private static IEnumerable<string> BlobsIn(CachedModel model) =>
        FolderContent.FilesIn(Path.Combine(model.Folder, "blobs")).Select(blob => blob.Name).Order(StringComparer.Ordinal);
}
