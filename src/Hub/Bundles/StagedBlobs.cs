using LlmService.Hub.Cache;

namespace LlmService.Hub.Bundles;

/// <summary>Where the blobs of a bundle wait until the whole of it has been checked.</summary>
internal sealed class StagedBlobs : IDisposable
{
    private const string Prefix = "bundle-";
    private const string LockEnding = ".lock";

    private readonly string _folder;
    private readonly FileStream _lock;

    private StagedBlobs(string folder, FileStream held)
    {
        _folder = folder;
        _lock = held;
        Directory.CreateDirectory(folder);
    }

    /// <summary>Makes an empty place, among the locks: no client looks for models there.</summary>
    public static StagedBlobs Create(string root)
    {
        RemoveAbandoned(root);
        string folder = Path.Combine(Parent(root), Prefix + Guid.NewGuid().ToString("N"));
        FileStream held = CacheLock.TryAcquire(folder + LockEnding) ?? throw new IOException($"'{folder}' is in use.");
        return new StagedBlobs(folder, held);
    }

    /// <summary>Removes what installations left that were killed; one that is still at work is left alone.</summary>
    /// <returns>Bytes that were freed.</returns>
    public static long RemoveAbandoned(string root)
    {
        long freed = 0;
        foreach (DirectoryInfo folder in FolderContent.FoldersIn(Parent(root)).Where(f => f.Name.StartsWith(Prefix, StringComparison.Ordinal)))
        {
            if (CacheLock.TryAcquire(folder.FullName + LockEnding) is not { } held)
                continue;
            freed += FolderContent.Files(folder.FullName).Sum(FolderContent.OwnBytes);
            Remove(folder.FullName, held);
        }
        return freed;
    }

    public string PathOf(string blob) => Path.Combine(_folder, blob);

    public Stream Open(BundledFile file) =>
        new FileStream(PathOf(file.Blob), FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0, FileOptions.Asynchronous);

    public void Dispose() => Remove(_folder, _lock);

    // The lock's name is used once, so its file may go with it.
    private static void Remove(string folder, FileStream held)
    {
        using (held)
        {
            // The owner may have taken it away between the look at the folder and the lock.
            if (Directory.Exists(folder))
                Directory.Delete(folder, recursive: true);
        }
        File.Delete(folder + LockEnding);
    }

    private static string Parent(string root) => Path.Combine(root, ".locks");
}
