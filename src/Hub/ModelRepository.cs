namespace LlmService.Hub;

/// <summary>A model repository at one commit.</summary>
public sealed class ModelRepository
{
    private const int ParallelFiles = 4;

    private readonly RepositoryAccess _access;
    private readonly HubCache _cache;
    private readonly Subject _subject;

    internal ModelRepository(RepositoryAccess access, HubCache cache, Subject subject, RepoId id, string commit, IReadOnlyList<RepositoryFile> files)
    {
        _access = access;
        _cache = cache;
        _subject = subject with { Target = Target.File };
        Id = id;
        Commit = commit;
        Files = files;
    }

    /// <summary>The id in its canonical spelling.</summary>
    public RepoId Id { get; }

    /// <summary>The branch, tag or commit that was asked for.</summary>
    public string Revision => _subject.Revision;

    /// <summary>The commit, 40 hex digits.</summary>
    public string Commit { get; }

    /// <summary>The files, sorted by path (ordinal). From the cache alone: those that the cache knows of.</summary>
    public IReadOnlyList<RepositoryFile> Files { get; }

    /// <summary>The folder of the cache that holds (or will hold) the files.</summary>
    public string SnapshotFolder => _cache.SnapshotFolder(Commit);

    /// <summary>Whether the Hub was not asked or not reached, so that only the cache answers.</summary>
    public bool FromCacheOnly { get; internal init; }

    /// <summary>Why the Hub refused the token, where the repository was then read anonymously; null when all is well.</summary>
    public HubException? RefusedToken => _access.RefusedToken;

    /// <summary>Whether <see cref="Files"/> are only what happens to lie in the cache: the repository may have more.</summary>
    public bool MayHaveMoreFiles { get; internal init; }

    /// <summary>Why the Hub did not answer, where the cache stands in for it; a dead network then costs its time-outs once and not for every file.</summary>
    public HubException? Unreachable { get; internal init; }

    /// <summary>What the Hub says of the repository beside its files; null when it was not asked.</summary>
    public RepositoryCard? Card { get; internal init; }

    /// <summary>Whether the listing came from the Hub with every hash, so that it may be stored.</summary>
    internal bool ListingIsComplete { get; init; }

    /// <summary>Downloads what is not cached yet, verified, and returns the snapshot folder.</summary>
    /// <param name="paths">Paths from <see cref="Files"/>.</param>
    /// <param name="progress">Told how far it is, from several threads but never at the same time; null for nobody.</param>
    /// <param name="cancellationToken">Stops the download; what arrived is kept for the next one.</param>
    /// <exception cref="HubException">As <see cref="HubClient.OpenAsync"/>, and EntryNotFound, CorruptDownload, DiskFull.</exception>
    public async Task<string> DownloadAsync(IReadOnlyCollection<string> paths, IProgress<DownloadProgress>? progress, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(paths);
        try
        {
            List<RepositoryFile> wanted = [.. paths.Distinct(StringComparer.Ordinal).Select(Find)];
            var tracker = new ProgressTracker(progress, wanted, _access.Options.TimeProvider);
            List<RepositoryFile> missing = Missing(wanted, tracker);
            if (missing.Count > 0 && Unreachable is { } failure)
                throw Explanations.Again(_access.Options, About(missing[0].Path), failure);
            await FetchAsync(missing, tracker, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw Explanations.OfCache(_access.Options, _subject, failure);
        }
        return SnapshotFolder;
    }

    /// <summary>What a download of these files would take. Nothing is asked of the Hub.</summary>
    /// <param name="paths">Paths from <see cref="Files"/>.</param>
    /// <exception cref="HubException">EntryNotFound; CacheUnusable.</exception>
    public DownloadPlan Plan(IReadOnlyCollection<string> paths)
    {
        ArgumentNullException.ThrowIfNull(paths);
        List<RepositoryFile> wanted = [.. paths.Distinct(StringComparer.Ordinal).Select(Find)];
        try
        {
            return PlanOf(wanted);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw Explanations.OfCache(_access.Options, _subject, failure);
        }
    }

    /// <summary>Refuses a download that does not fit the disk, with the words that the download itself would use.</summary>
    /// <exception cref="HubException">DiskFull.</exception>
    public void RequireSpace(DownloadPlan plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        if (plan.FreeBytes is { } free && plan.MissingBytes > free)
            throw Explanations.Of(_access.Options, _subject, HubDiagnosis.DiskFull, $"{plan.MissingBytes} bytes are missing, {free} are free");
    }

    /// <summary>Refuses a download that needs the Hub while it cannot be asked, with the words that the download itself would use.</summary>
    /// <param name="paths">Paths from <see cref="Files"/>.</param>
    /// <exception cref="HubException">OfflineMode, or why the Hub did not answer.</exception>
    public void RequireReachable(IEnumerable<string> paths)
    {
        RepositoryFile? missing = paths.Select(Find).FirstOrDefault(file => !IsCached(file));
        if (missing is null)
            return;
        if (Unreachable is { } failure)
            throw Explanations.Again(_access.Options, About(missing.Path), failure);
        if (_access.Options.Offline)
            throw Explanations.Offline(_access.Options, About(missing.Path));
    }

    /// <summary>Refuses to call a file missing that the repository may well have, while only a part of it is known.</summary>
    /// <param name="path">A file that is not among <see cref="Files"/>.</param>
    /// <exception cref="HubException">OfflineMode, or why the Hub did not answer.</exception>
    public void RequireKnown(string path)
    {
        if (MayHaveMoreFiles)
            throw Unreachable is { } failure && !_access.Options.Offline ? Explanations.Again(_access.Options, About(path), failure) : Explanations.Offline(_access.Options, About(path));
    }

    /// <summary>Asks the Hub whether this caller may read the files, without moving any. A listing is open to everybody, also of a gated repository.</summary>
    /// <exception cref="HubException">Gated, refused, unreachable.</exception>
    public async Task CheckAccessAsync(CancellationToken cancellationToken)
    {
        var request = new HubRequest(HttpMethod.Get, _access.Urls.AccessCheck(Id), _subject with { Target = Target.Listing });
        try
        {
            using HubAnswer open = await _access.RequestAsync(request, cancellationToken).ConfigureAwait(false);
        }
        catch (HubException failure) when (failure.Diagnosis is HubDiagnosis.EndpointUnsupported || failure is { Diagnosis: HubDiagnosis.NotTheHub, Status: 404 })
        {
            // Mirrors lack this call; the first file that is read will tell.
        }
    }

    /// <summary>Reads a small file into memory: from the cache, else from the Hub, verified. The cache is left as it is.</summary>
    /// <param name="path">A path from <see cref="Files"/>.</param>
    /// <param name="maxBytes">A larger file is not read.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>The content; null when the file is larger.</returns>
    /// <exception cref="HubException">As <see cref="HubClient.OpenAsync"/>, and EntryNotFound, CorruptDownload.</exception>
    public async Task<byte[]?> ReadAsync(string path, int maxBytes, CancellationToken cancellationToken)
    {
        RepositoryFile file = Find(path);
        if (file.SizeBytes > maxBytes)
            return null;
        try
        {
            if (IsCached(file))
                return await File.ReadAllBytesAsync(_cache.SnapshotPath(Commit, path), cancellationToken).ConfigureAwait(false);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw Explanations.OfCache(_access.Options, About(path), failure);
        }
        if (Unreachable is { } dead)
            throw Explanations.Again(_access.Options, About(path), dead);
        return await FileReading.ReadAsync(_access, Id, Commit, file, About(path), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Reads the beginning of a file: from the cache, else from the Hub. It is not verified, since a hash is of a whole file.</summary>
    /// <param name="path">A path from <see cref="Files"/>.</param>
    /// <param name="count">How many bytes; a shorter file gives all it has.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="HubException">As <see cref="HubClient.OpenAsync"/>, and EntryNotFound.</exception>
    public async Task<byte[]> ReadStartAsync(string path, int count, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        RepositoryFile file = Find(path);
        count = (int)Math.Min(count, file.SizeBytes);
        if (count == 0)
            return [];
        if (IsCached(file))
        {
            byte[] start = new byte[count];
            using FileStream cached = File.OpenRead(_cache.SnapshotPath(Commit, path));
            return start[..await cached.ReadAtLeastAsync(start, count, throwOnEndOfStream: false, cancellationToken).ConfigureAwait(false)];
        }
        if (Unreachable is { } dead)
            throw Explanations.Again(_access.Options, About(path), dead);
        return await FileReading.ReadStartAsync(_access, Id, Commit, file, count, About(path), cancellationToken).ConfigureAwait(false);
    }

    private List<RepositoryFile> Missing(List<RepositoryFile> wanted, ProgressTracker tracker)
    {
        var missing = new List<RepositoryFile>();
        foreach (RepositoryFile file in wanted)
        {
            if (IsCached(file))
                tracker.Found(file, file.SizeBytes);
            else
                missing.Add(file);
        }
        return missing;
    }

    private async Task FetchAsync(List<RepositoryFile> missing, ProgressTracker tracker, CancellationToken cancellationToken)
    {
        if (missing.Count > 0)
        {
            _cache.Prepare();
            RequireSpace(PlanOf(missing));
            var parallel = new ParallelOptions { MaxDegreeOfParallelism = ParallelFiles, CancellationToken = cancellationToken };
            await Parallel.ForEachAsync(missing, parallel, async (file, cancel) =>
                await new FileDownload(_access, _cache, Id, Commit, file, About(file.Path), tracker).RunAsync(cancel).ConfigureAwait(false)).ConfigureAwait(false);
        }
        // A reference to a snapshot that is not there would look like a broken cache to other clients.
        if (FromCacheOnly || !Directory.Exists(SnapshotFolder))
            return;
        try
        {
            if (ListingIsComplete)
                _cache.WriteTree(Commit, Files);
            _cache.WriteRef(_subject.Revision, Commit);
        }
        catch (Exception failure) when (missing.Count == 0 && (failure is IOException or UnauthorizedAccessException))
        {
            // A cache that has everything and may only be read is good enough.
        }
    }

    private DownloadPlan PlanOf(List<RepositoryFile> wanted)
    {
        RepositoryFile[] missing = [.. wanted.Where(file => !IsCached(file))];
        return new DownloadPlan(
            wanted.Count,
            wanted.Sum(file => (decimal)file.SizeBytes),
            missing.Length,
            missing.Sum(file => MissingBytes(file.Sha256 ?? file.BlobId, file.SizeBytes)),
            _cache.FreeBytes());
    }

    private bool IsCached(RepositoryFile file) => _cache.IsPublished(Commit, file);

    private decimal MissingBytes(string? etag, long size)
    {
        if (etag is null || HubCache.FileSize(_cache.BlobPath(etag)) == size)
            return _cache.MissingBytes(etag, size);
        // A partial file that came over several connections is as long as its last byte and has gaps before it.
        return Math.Min(size, _cache.MissingBytes(etag, size) + (decimal)PartialFile.GapBytes(_cache.IncompletePath(etag)));
    }

    private RepositoryFile Find(string path) => Files.FirstOrDefault(file => file.Path == path) ?? throw Absent(path);

    private HubException Absent(string path)
    {
        bool known = SafePath.IsSafe(path) && _cache.IsKnownAbsent(Commit, path);
        if (Unreachable is { } failure && !known)
            return Explanations.Again(_access.Options, About(path), failure);
        if (ListingIsComplete && SafePath.IsSafe(path))
            RememberAbsent(path);
        return Explanations.Of(_access.Options, About(path), HubDiagnosis.EntryNotFound);
    }

    // Other clients look for this mark before they ask the Hub again.
    private void RememberAbsent(string path)
    {
        try
        {
            _cache.WriteNoExist(Commit, path);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // It only saves a question; the answer itself matters more.
        }
    }

    private Subject About(string path) => _subject with { File = path };
}
