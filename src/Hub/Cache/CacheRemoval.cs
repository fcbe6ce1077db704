using LlmService.Hub.Bundles;

namespace LlmService.Hub.Cache;

/// <summary>A plan of what to remove from the cache.</summary>
public sealed class CacheRemoval
{
    private readonly string _root;

    internal CacheRemoval(string root, IReadOnlyList<ModelRemoval> models)
    {
        _root = root;
        Models = models;
    }

    /// <summary>The time, where what killed processes left outside the blobs is swept up too; null where it stays.</summary>
    internal DateTimeOffset? SweepAt { get; init; }

    /// <summary>What goes, model by model.</summary>
    public IReadOnlyList<ModelRemoval> Models { get; }

    /// <summary>Bytes that this frees, as counted when the plan was made.</summary>
    public long SizeBytes => Models.Sum(model => model.SizeBytes);

    /// <summary>Removes. A blob goes only if no snapshot uses it then and no process is downloading it.</summary>
    /// <returns>What was freed in fact.</returns>
    /// <exception cref="IOException">A file cannot be removed.</exception>
    /// <exception cref="UnauthorizedAccessException">A file may not be removed.</exception>
    public RemovedFromCache Execute()
    {
        long freed = SweepAt is { } now ? Sweep(now) : 0;
        List<string> inUse = [];
        foreach (ModelRemoval removal in Models)
            freed += Remove(removal, inUse);
        return new RemovedFromCache(freed, inUse);
    }

    private long Sweep(DateTimeOffset now) =>
        StagedBlobs.RemoveAbandoned(_root) + FolderContent.FoldersIn(_root).Sum(folder => AtomicFile.RemoveAbandoned(folder.FullName, now));

    private long Remove(ModelRemoval removal, List<string> inUse)
    {
        string folder = Path.Combine(_root, removal.Id.CacheFolderName);
        var cache = new HubCache(_root, removal.Id);
        // 1. The names go first: nobody finds a snapshot that is on its way out.
        foreach ((string revision, string commit) in CacheScan.ReadRefs(folder))
        {
            if (removal.IsWhole || removal.Revisions.Contains(revision) || removal.Commits.Contains(commit))
                File.Delete(Path.Combine([folder, "refs", .. revision.Split('/')]));
        }
        // 2. The snapshots, each in one step.
        long freed = removal.Commits.Sum(commit => RemoveSnapshot(folder, commit));
        // 3. What no snapshot uses now. Under its lock no download can begin to use it.
        freed += RemoveBlobs(folder, cache, removal, inUse);
        // 4. The rest of a model that is gone.
        // Lock files stay, in their own folder: who waits for one that is deleted would wait beside everybody else.
        if (IsEmptyNow(folder, removal))
            Directory.Delete(folder, recursive: true);
        return freed;
    }

    private static long RemoveSnapshot(string folder, string commit)
    {
        string snapshot = Path.Combine(folder, "snapshots", commit);
        long freed = FolderContent.Files(snapshot).Sum(FolderContent.OwnBytes);
        if (Directory.Exists(snapshot))
            AtomicFile.RemoveFolder(folder, snapshot);
        string listing = Path.Combine(folder, "trees", commit + ".json");
        if (File.Exists(listing))
            File.Delete(listing);
        string absent = Path.Combine(folder, ".no_exist", commit);
        if (Directory.Exists(absent))
            AtomicFile.RemoveFolder(folder, absent);
        return freed;
    }

    private static long RemoveBlobs(string folder, HubCache cache, ModelRemoval removal, List<string> inUse)
    {
        List<FileStream> locks = [];
        try
        {
            List<string> free = [];
            foreach (IGrouping<string, string> blobs in removal.Blobs.GroupBy(blob => blob.Split('.')[0], StringComparer.Ordinal))
            {
                if (CacheLock.TryAcquire(cache.LockPath(blobs.Key)) is { } held)
                {
                    locks.Add(held);
                    free.AddRange(blobs);
                }
                else
                {
                    inUse.AddRange(blobs);
                }
            }
            HashSet<string> used = UsedBlobs(folder);
            return free.Where(blob => !used.Contains(blob)).Sum(blob => RemoveBlob(Path.Combine(folder, "blobs", blob), inUse));
        }
        finally
        {
            locks.ForEach(held => held.Dispose());
        }
    }

    private static HashSet<string> UsedBlobs(string folder)
    {
        string blobs = Path.GetFullPath(Path.Combine(folder, "blobs"));
        return
        [
            .. FolderContent.Files(Path.Combine(folder, "snapshots")).Select(FolderContent.LinkTarget).OfType<string>()
                .Where(target => Path.GetDirectoryName(target) == blobs).Select(target => Path.GetFileName(target)),
        ];
    }

    private static long RemoveBlob(string path, List<string> inUse)
    {
        long size = FolderContent.OwnBytes(path);
        // A download that could not get the lock writes to a file of its own, which it holds open.
        if (CacheScan.IsPartial(path) && IsOpenElsewhere(path))
        {
            inUse.Add(Path.GetFileName(path));
            return 0;
        }
        File.Delete(path);
        return size;
    }

    private static bool IsOpenElsewhere(string path)
    {
        if (FolderContent.LinkTarget(path) is not null)
            return false;
        try
        {
            using var alone = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None, bufferSize: 0);
            return false;
        }
        catch (FileNotFoundException)
        {
            return false;
        }
        catch (IOException)
        {
            return true;
        }
    }

    private static bool IsEmptyNow(string folder, ModelRemoval removal)
    {
        if (!Directory.Exists(folder))
            return false;
        bool used = FolderContent.Files(Path.Combine(folder, "snapshots")).Any() || FolderContent.FilesIn(Path.Combine(folder, "blobs")).Any();
        return !used && (removal.IsWhole || !FolderContent.Files(folder).Any());
    }
}

/// <summary>What a removal did.</summary>
/// <param name="FreedBytes">Bytes that were freed.</param>
/// <param name="InUse">Blobs that were left because another process downloads them.</param>
public sealed record RemovedFromCache(long FreedBytes, IReadOnlyList<string> InUse);
