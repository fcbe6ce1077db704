namespace LlmService.Hub;

/// <summary>Brings one file into the cache: verified, resumable, published by a rename.</summary>
internal sealed class FileDownload(
    RepositoryAccess access, HubCache cache, RepoId id, string commit, RepositoryFile file, Subject subject, ProgressTracker progress)
{
    private HubOptions Options => access.Options;

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        // 1. What the listing promises may be here already, also from another snapshot or client.
        string? etag = file.Sha256 ?? file.BlobId;
        FileSource? source = null;
        if (etag is null || !IsHere(etag))
        {
            source = await ResolveAsync(etag, cancellationToken).ConfigureAwait(false);
            etag = source.Etag;
        }

        // 2. One process downloads, the others wait and find the blob.
        using (FileStream? held = await CacheLock
            .AcquireAsync(cache.LockPath(etag), () => cache.ArrivedBytes(etag), Options.TimeProvider, cancellationToken).ConfigureAwait(false))
        {
            // Where there are no links, whoever came first has moved the blob into the snapshot.
            if (cache.IsPublished(commit, file))
            {
                progress.Found(file, file.SizeBytes);
                return;
            }
            if (IsHere(etag))
            {
                progress.Found(file, file.SizeBytes);
            }
            else
            {
                source ??= await ResolveAsync(etag, cancellationToken).ConfigureAwait(false);
                await FetchAsync(source, locked: held is not null, cancellationToken).ConfigureAwait(false);
            }
            cache.Link(etag, commit, file.Path);
        }
        progress.Report(file, file.SizeBytes);
    }

    private bool IsHere(string etag) => HubCache.FileSize(cache.BlobPath(etag)) == file.SizeBytes;

    /// <summary>Asks the Hub for the file's tag and for the address of its bytes.</summary>
    private async Task<FileSource> ResolveAsync(string? expectedTag, CancellationToken cancellationToken)
    {
        var request = new HubRequest(HttpMethod.Head, access.Urls.Resolve(id, commit, file.Path), subject) { StopAtForeignHost = true };
        using HubAnswer answer = await access.RequestAsync(request, cancellationToken).ConfigureAwait(false);
        if (answer.Commit is null)
            throw Explanations.NotTheHub(Options, subject, "the answer names no commit");
        if (answer.Commit != commit)
            throw Explanations.NotTheHub(Options, subject, "the answer is of another commit");
        string? tag = HubHeaders.FileTag(answer.Response);
        if (tag is null || tag.Contains('/', StringComparison.Ordinal) || tag.Length > 128 || !SafePath.IsSafe(tag))
            throw Explanations.NotTheHub(Options, subject, "the answer has no usable ETag");
        // A mirror's own tag may be any hash, or none; the listing's then counts, and the bytes are checked against it.
        if (expectedTag is not null && !HubHeaders.HasLinkedTag(answer.Response))
            tag = expectedTag;
        bool changed = (expectedTag is not null && expectedTag != tag)
            || (HubHeaders.FileSize(answer.Response) is { } size && size != file.SizeBytes);
        if (changed)
        {
            if (expectedTag is not null)
                PartialFile.Delete(cache.IncompletePath(expectedTag));
            throw Explanations.Of(Options, subject, HubDiagnosis.CorruptDownload, "the file differs from the repository's listing");
        }
        return new FileSource(tag, answer.ForeignLocation ?? answer.Uri, answer.FromHub && answer.ForeignLocation is null);
    }

    private async Task FetchAsync(FileSource source, bool locked, CancellationToken cancellationToken)
    {
        if (locked)
        {
            await FetchAsync(source, cache.IncompletePath(source.Etag), cancellationToken).ConfigureAwait(false);
            DeleteLeftovers(source.Etag);
            return;
        }
        // Somebody else may be writing: a file of our own cannot collide, and cannot be resumed either.
        string own = cache.IncompletePath($"{source.Etag}.{Guid.NewGuid():N}");
        try
        {
            await FetchAsync(source, own, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            PartialFile.Delete(own);
        }
    }

    private async Task FetchAsync(FileSource source, string partialPath, CancellationToken cancellationToken)
    {
        for (int attempt = 1; ; attempt++)
        {
            using (PartialFile partial = PartialFile.Open(partialPath, file.SizeBytes))
            {
                progress.Found(file, partial.ArrivedBytes);
                if (await FillAsync(source, partial, cancellationToken).ConfigureAwait(false))
                {
                    partial.Finish();
                    break;
                }
                partial.Restart(null);
            }
            if (attempt == 2)
            {
                PartialFile.Delete(partialPath);
                throw Explanations.Of(Options, subject, HubDiagnosis.CorruptDownload, "it arrived damaged, also when it was fetched again");
            }
        }
        // A killed process loses nothing of what it wrote. After a power cut a file that was written in order has another length, which
        // no reader of the cache accepts; one that came in ranges has its full length early, so its end flushed it to the disk.
        File.Move(partialPath, cache.BlobPath(source.Etag), overwrite: true);
    }

    /// <summary>Completes the partial file and hashes it meanwhile; false when what it then holds is not the promised content.</summary>
    private async Task<bool> FillAsync(FileSource source, PartialFile partial, CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task<bool> hashing = Task.Run(() => partial.HashAsync(source.Etag, stop.Token), stop.Token);
        try
        {
            using var transfer = new FileTransfer(
                access, file, subject, partial, cancel => ResolveAsync(source.Etag, cancel), progress);
            await transfer.RunAsync(source, cancellationToken).ConfigureAwait(false);
            return await hashing.ConfigureAwait(false);
        }
        catch (InvalidDataException)
        {
            return false;
        }
        finally
        {
            await stop.CancelAsync().ConfigureAwait(false);
            await ((Task)hashing).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Removes what processes without the lock left when they were killed. A file that somebody has open stays.</summary>
    private void DeleteLeftovers(string etag)
    {
        string mine = cache.IncompletePath(etag + ".*");
        foreach (string path in Directory.EnumerateFiles(Path.GetDirectoryName(mine)!, Path.GetFileName(mine)))
        {
            try
            {
                using (new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None))
                    PartialFile.Delete(path);
            }
            catch (IOException)
            {
                // In use.
            }
        }
    }
}
