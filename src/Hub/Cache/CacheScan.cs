namespace LlmService.Hub.Cache;

/// <summary>Reads what lies in a cache. What it does not know (data sets, stores of other clients, stray files) it leaves alone.</summary>
internal static class CacheScan
{
    private const string ModelPrefix = "models--";
    private const int MaxModels = 100_000;
    private const int MaxFiles = 500_000;
    private const int MaxRefBytes = 256;

    /// <summary>The models of a cache, sorted by id (ordinal).</summary>
    public static List<CachedModel> Read(string root) =>
    [
        .. FolderContent.FoldersIn(root).Take(MaxModels).Select(folder => IdOf(folder.Name)).OfType<RepoId>()
            .Select(id => Read(root, id)).OfType<CachedModel>().OrderBy(model => model.Id.Value, StringComparer.Ordinal),
    ];

    /// <summary>One model; null when the cache has no folder of it.</summary>
    public static CachedModel? Read(string root, RepoId id)
    {
        string folder = Path.Combine(root, id.CacheFolderName);
        if (!Directory.Exists(folder))
            return null;
        ILookup<string, string> revisions = ReadRefs(folder).ToLookup(reference => reference.Commit, reference => reference.Revision, StringComparer.Ordinal);
        List<CachedSnapshot> snapshots =
        [
            .. FolderContent.FoldersIn(Path.Combine(folder, "snapshots")).OrderBy(snapshot => snapshot.Name, StringComparer.Ordinal)
                .Select(snapshot => ReadSnapshot(folder, snapshot.FullName, [.. revisions[snapshot.Name].Order(StringComparer.Ordinal)])),
        ];
        List<FileInfo> blobs = [.. FolderContent.FilesIn(Path.Combine(folder, "blobs"))];
        long own = snapshots.SelectMany(snapshot => snapshot.Files).Where(file => file.Blob is null).Sum(file => file.SizeBytes ?? 0);
        return new CachedModel
        {
            Id = id,
            Folder = folder,
            Snapshots = snapshots,
            SizeBytes = own + blobs.Sum(blob => FolderContent.OwnBytes(blob.FullName)),
            PartialBytes = blobs.Where(blob => IsPartial(blob.Name)).Sum(blob => FolderContent.OwnBytes(blob.FullName)),
        };
    }

    /// <summary>The references of a model's folder: revision and commit.</summary>
    public static List<(string Revision, string Commit)> ReadRefs(string folder)
    {
        string root = Path.Combine(folder, "refs");
        List<(string, string)> references = [];
        foreach (string path in FolderContent.Files(root).Take(MaxFiles))
        {
            if (ReadShort(path) is { } commit)
                references.Add((Relative(root, path), commit));
        }
        return references;
    }

    public static bool IsPartial(string blobName) => blobName.EndsWith(".incomplete", StringComparison.Ordinal);

    // '--' is not legal in names of the Hub, so the folder's name tells the id.
    private static RepoId? IdOf(string folderName) =>
        folderName.StartsWith(ModelPrefix, StringComparison.Ordinal)
        && RepoId.TryParse(folderName[ModelPrefix.Length..].Replace("--", "/", StringComparison.Ordinal), out RepoId id)
            ? id
            : null;

    private static CachedSnapshot ReadSnapshot(string modelFolder, string folder, IReadOnlyList<string> revisions)
    {
        string blobs = Path.GetFullPath(Path.Combine(modelFolder, "blobs"));
        return new CachedSnapshot
        {
            Commit = Path.GetFileName(folder),
            Folder = folder,
            Revisions = revisions,
            Files =
            [
                .. FolderContent.Files(folder).Take(MaxFiles)
                    .Select(path => new CachedFile(Relative(folder, path), HubCache.FileSize(path), BlobOf(blobs, path)))
                    .OrderBy(file => file.Path, StringComparer.Ordinal),
            ],
        };
    }

    private static string? BlobOf(string blobs, string path) =>
        FolderContent.LinkTarget(path) is { } target && Path.GetDirectoryName(target) == blobs ? Path.GetFileName(target) : null;

    private static string? ReadShort(string path)
    {
        try
        {
            return new FileInfo(path).Length > MaxRefBytes ? null : File.ReadAllText(path).Trim();
        }
        catch (FileNotFoundException)
        {
            // Gone since the folder was listed, or a link to nowhere.
            return null;
        }
    }

    private static string Relative(string folder, string path) => Path.GetRelativePath(folder, path).Replace(Path.DirectorySeparatorChar, '/');
}
