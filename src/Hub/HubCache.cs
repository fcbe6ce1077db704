using System.Text;
using System.Text.Json;
using LlmService.Hub.Cache;

namespace LlmService.Hub;

/// <summary>One repository's part of the standard cache: blobs, refs, snapshots, trees.</summary>
/// <param name="root">The cache folder.</param>
/// <param name="id">The repository, as it was asked for.</param>
/// <param name="createLink">Makes a symbolic link (path, target).</param>
internal sealed class HubCache(string root, RepoId id, Action<string, string> createLink)
{
    private const string Tag = "Signature: 8a477f597d28d172789f06886806bc55\n# This folder is a cache of a Hugging Face Hub client.\n";
    private const int TreeFormat = 1;
    private const int MaxTreeBytes = 256 * 1024 * 1024;
    private const int MaxCachedFiles = 500_000;

    private readonly string _folder = Path.Combine(root, id.CacheFolderName);

    public HubCache(string root, RepoId id) : this(root, id, (path, target) => File.CreateSymbolicLink(path, target))
    {
    }

    /// <summary>The cache that the options describe; without links where they forbid them.</summary>
    public static HubCache Create(HubOptions options, RepoId id) => options.DisableSymlinks
        ? new HubCache(options.CacheFolder, id, (_, _) => throw new PlatformNotSupportedException("links are switched off"))
        : new HubCache(options.CacheFolder, id);

    public string BlobPath(string etag) => Path.Combine(_folder, "blobs", etag);

    // The middle part is ours alone: other clients must not resume our files, nor we theirs.
    public string IncompletePath(string etag) => Path.Combine(_folder, "blobs", etag + ".llm-service.incomplete");

    /// <summary>Bytes of a blob that lie in partial files, whoever writes them; another number each time something moves.</summary>
    public long ArrivedBytes(string etag)
    {
        try
        {
            return new DirectoryInfo(Path.Combine(_folder, "blobs")).EnumerateFiles(etag + "*.incomplete").Sum(file => file.Length);
        }
        catch (IOException)
        {
            // A partial file was renamed while we looked.
            return -1;
        }
    }

    /// <summary>Bytes that a download of a blob still has to bring.</summary>
    public long MissingBytes(string? etag, long size)
    {
        if (etag is null)
            return size;
        if (FileSize(BlobPath(etag)) == size)
            return 0;
        return size - Math.Min(size, FileSize(IncompletePath(etag)) ?? 0);
    }

    /// <summary>Bytes that the cache's disk has left for us; null when the operating system does not tell.</summary>
    public long? FreeBytes()
    {
        try
        {
            // On a fresh machine the folder is made later; it will lie on the disk of the nearest one that is there.
            string? folder = Path.GetFullPath(root);
            while (folder is not null && !Directory.Exists(folder))
                folder = Path.GetDirectoryName(folder);
            return folder is null ? null : new DriveInfo(folder).AvailableFreeSpace;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return null;
        }
    }

    public string LockPath(string etag) => Path.Combine(root, ".locks", id.CacheFolderName, etag + ".lock");

    public string SnapshotFolder(string commit) => Path.Combine(_folder, "snapshots", commit);

    public string SnapshotPath(string commit, string path) => Path.Combine([SnapshotFolder(commit), .. path.Split('/')]);

    /// <summary>Whether a snapshot has the file, with the size that the listing promises.</summary>
    public bool IsPublished(string commit, RepositoryFile file) => FileSize(SnapshotPath(commit, file.Path)) == file.SizeBytes;

    /// <summary>The commit that a revision had when it was last seen; null when unknown.</summary>
    public string? ReadRef(string revision)
    {
        if (Hex.IsCommit(revision))
            return revision;
        string path = RefPath(revision);
        if (!File.Exists(path) || new FileInfo(path).Length > 256)
            return null;
        string commit = File.ReadAllText(path).Trim();
        return Hex.IsCommit(commit) ? commit : null;
    }

    public void WriteRef(string revision, string commit)
    {
        if (revision == commit || ReadRef(revision) == commit)
            return;
        string path = RefPath(revision);
        // Git has no branch 'feature' beside a branch 'feature/x': one that is in the way is gone from the Hub.
        for (string? parent = Path.GetDirectoryName(path); parent is not null && parent.Length > _folder.Length; parent = Path.GetDirectoryName(parent))
        {
            if (File.Exists(parent))
                File.Delete(parent);
        }
        if (Directory.Exists(path))
            Directory.Delete(path, recursive: true);
        WriteAtomically(path, Encoding.ASCII.GetBytes(commit));
    }

    /// <summary>The stored listing of a commit; null when there is none that can be trusted.</summary>
    public List<RepositoryFile>? ReadTree(string commit)
    {
        string path = TreePath(commit);
        try
        {
            if (!File.Exists(path) || new FileInfo(path).Length > MaxTreeBytes)
                return null;
            TreeCacheDocument? tree = JsonSerializer.Deserialize(File.ReadAllBytes(path), HubJson.Default.TreeCacheDocument);
            if (tree is not { FormatVersion: TreeFormat, Files: not null }
                || tree.Files.Any(f => f.Value is null || f.Value.Size < 0
                    || (f.Value.LfsSha256 is not null && !Hex.IsSha256(f.Value.LfsSha256))))
                return null;
            return [.. tree.Files.Where(f => SafePath.IsSafe(f.Key)).Select(f => new RepositoryFile(f.Key, f.Value.Size, f.Value.BlobId, f.Value.LfsSha256))];
        }
        catch (Exception failure) when (failure is JsonException or IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    public void WriteTree(string commit, IEnumerable<RepositoryFile> files)
    {
        if (File.Exists(TreePath(commit)))
            return;
        var entries = new SortedDictionary<string, TreeCacheFile>(StringComparer.Ordinal);
        foreach (RepositoryFile file in files)
            entries[file.Path] = new TreeCacheFile(file.SizeBytes, file.BlobId, file.Sha256, file.Sha256 is null ? null : file.SizeBytes);
        WriteAtomically(TreePath(commit), JsonSerializer.SerializeToUtf8Bytes(new TreeCacheDocument(TreeFormat, entries), HubJson.Default.TreeCacheDocument));
    }

    /// <summary>The files of a snapshot folder, for caches without a stored listing.</summary>
    public List<RepositoryFile>? ReadSnapshot(string commit)
    {
        string folder = SnapshotFolder(commit);
        if (!Directory.Exists(folder))
            return null;
        var files = new List<RepositoryFile>();
        foreach (string path in FolderContent.Files(folder).Take(MaxCachedFiles))
        {
            if (FileSize(path) is { } size)
                files.Add(new RepositoryFile(Path.GetRelativePath(folder, path).Replace(Path.DirectorySeparatorChar, '/'), size, null, null));
        }
        return files;
    }

    /// <summary>The size of the file at the end of all links; null when there is none.</summary>
    public static long? FileSize(string path)
    {
        try
        {
            var file = new FileInfo(path);
            if (file.LinkTarget is not null)
                file = file.ResolveLinkTarget(returnFinalTarget: true) as FileInfo;
            return file is { Exists: true } ? file.Length : null;
        }
        catch (IOException)
        {
            // Links in a circle.
            return null;
        }
    }

    public void Prepare()
    {
        Directory.CreateDirectory(root);
        string tag = Path.Combine(root, "CACHEDIR.TAG");
        if (!File.Exists(tag))
            WriteAtomically(tag, Encoding.ASCII.GetBytes(Tag));
        Directory.CreateDirectory(Path.Combine(_folder, "blobs"));
    }

    /// <summary>Puts a blob into a snapshot: as a relative link; where links do not work, the file itself.</summary>
    /// <remarks>To be called with the blob's lock, or with a blob that nobody else touches.</remarks>
    public void Link(string etag, string commit, string path)
    {
        string pointer = SnapshotPath(commit, path);
        string target = string.Concat(Enumerable.Repeat("../", 2 + path.Count(c => c == '/'))) + "blobs/" + etag;
        try
        {
            AtomicFile.Publish(_folder, pointer, temporary => createLink(temporary, target));
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or PlatformNotSupportedException)
        {
            TakeBlob(etag, pointer);
        }
    }

    // As other clients do it: without links the snapshot holds the file itself, and a second copy in blobs would only cost space.
    private void TakeBlob(string etag, string pointer)
    {
        string blob = BlobPath(etag);
        Directory.CreateDirectory(Path.GetDirectoryName(pointer)!);
        if (new FileInfo(blob).LinkTarget is null && !IsLinked(blob))
            File.Move(blob, pointer, overwrite: true);
        else
            AtomicFile.Publish(_folder, pointer, temporary => File.Copy(blob, temporary));
    }

    /// <summary>Whether a snapshot links to the blob, made where or when links worked.</summary>
    private bool IsLinked(string blob) =>
        FolderContent.Files(Path.Combine(_folder, "snapshots")).Any(file => FolderContent.LinkTarget(file) == Path.GetFullPath(blob));

    /// <summary>Remembers that the repository has no such file at the commit, as other clients do.</summary>
    public void WriteNoExist(string commit, string path)
    {
        if (!IsKnownAbsent(commit, path))
            WriteAtomically(NoExistPath(commit, path), []);
    }

    /// <summary>Whether a client was told that the repository has no such file at the commit.</summary>
    public bool IsKnownAbsent(string commit, string path) => File.Exists(NoExistPath(commit, path));

    private string NoExistPath(string commit, string path) => Path.Combine([_folder, ".no_exist", commit, .. path.Split('/')]);

    private string RefPath(string revision) => Path.Combine([_folder, "refs", .. revision.Split('/')]);

    private string TreePath(string commit) => Path.Combine(_folder, "trees", commit + ".json");

    private void WriteAtomically(string path, byte[] content) =>
        AtomicFile.Publish(_folder, path, temporary => File.WriteAllBytes(temporary, content));
}
