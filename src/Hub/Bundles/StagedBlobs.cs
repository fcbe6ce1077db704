namespace LlmService.Hub.Bundles;

/// <summary>Where the blobs of a bundle wait until the whole of it has been checked.</summary>
internal sealed class StagedBlobs : IDisposable
{
    private const string Prefix = "bundle-";
    private const string LockName = "in-use.lock";

    private readonly string _folder;
    private readonly FileStream _lock;

    private StagedBlobs(string folder, FileStream held)
    {
        _folder = folder;
        _lock = held;
    }

    /// <summary>Makes an empty place, among the locks: no client looks for models there.</summary>
    public static StagedBlobs Create(string root)
    {
        RemoveAbandoned(root);
        string folder = Path.Combine(Parent(root), Prefix + Guid.NewGuid().ToString("N"));
        FileStream held = CacheLock.TryAcquire(Path.Combine(folder, LockName)) ?? throw new IOException($"'{folder}' is in use.");
        return new StagedBlobs(folder, held);
    }

    /// <summary>Removes what installations left that were killed; one that is still at work is left alone.</summary>
    /// <returns>Bytes that were freed.</returns>
    public static long RemoveAbandoned(string root)
    {
        long freed = 0;
        foreach (DirectoryInfo folder in Cache.FolderContent.FoldersIn(Parent(root)).Where(f => f.Name.StartsWith(Prefix, StringComparison.Ordinal)))
        {
            if (CacheLock.TryAcquire(Path.Combine(folder.FullName, LockName)) is not { } held)
                continue;
            using (held)
            {
                freed += Cache.FolderContent.Files(folder.FullName).Sum(Cache.FolderContent.OwnBytes);
                folder.Delete(recursive: true);
            }
        }
        return freed;
    }

    public string PathOf(string blob) => Path.Combine(_folder, blob);

    public Stream Open(BundledFile file) =>
        new FileStream(PathOf(file.Blob), FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0, FileOptions.Asynchronous);

    public void Dispose()
    {
        Directory.Delete(_folder, recursive: true);
        _lock.Dispose();
    }

    private static string Parent(string root) => Path.Combine(root, ".locks");
}
