namespace LlmService.Hub.Bundles;

/// <summary>Puts the models of a bundle into the cache, as if they had been downloaded.</summary>
internal sealed class BundleInstallation(string path, HubOptions options)
{
    public async Task<BundleContent> RunAsync(CancellationToken cancellationToken)
    {
        using StagedBlobs staged = StagedBlobs.Create(options.CacheFolder);
        // 1. Everything is unpacked and checked to the last byte; nothing of it is in the cache yet.
        BundleContent content = await new BundleReader(path).ReadAsync(RefuseWithoutSpace, staged.Open, cancellationToken).ConfigureAwait(false);
        // 2. Then it appears there, model by model: blobs, snapshot, listing, and last the names.
        Dictionary<string, int> uses = content.Manifest.Models.SelectMany(model => model.Files).CountBy(file => file.Blob).ToDictionary(StringComparer.Ordinal);
        foreach (BundledModel model in content.Manifest.Models)
            await PublishAsync(model, staged, uses, cancellationToken).ConfigureAwait(false);
        return content;
    }

    private void RefuseWithoutSpace(BundleManifest manifest)
    {
        decimal needed = manifest.Models.SelectMany(model => model.Files).DistinctBy(file => file.Blob).Sum(file => (decimal)file.Size);
        RepoId id = manifest.Models[0].ToRepoId();
        if (HubCache.Create(options, id).FreeBytes() is { } free && needed > free)
        {
            throw new HubException(HubDiagnosis.DiskFull, new HubFacts
            {
                Repository = id.Value,
                File = path,
                CacheFolder = options.CacheFolder,
                Detail = $"{needed} bytes are needed, {free} are free in '{options.CacheFolder}'",
            });
        }
    }

    private async Task PublishAsync(BundledModel model, StagedBlobs staged, Dictionary<string, int> uses, CancellationToken cancellationToken)
    {
        HubCache cache = HubCache.Create(options, model.ToRepoId());
        cache.Prepare();
        foreach (BundledFile file in model.Files)
        {
            using FileStream? held = await CacheLock
                .AcquireAsync(cache.LockPath(file.Blob), () => cache.ArrivedBytes(file.Blob), options.TimeProvider, cancellationToken).ConfigureAwait(false);
            Place(staged.PathOf(file.Blob), cache.BlobPath(file.Blob), isLastUse: --uses[file.Blob] == 0);
            cache.Link(file.Blob, model.Commit, file.Path);
        }
        if (model.Listing is { } listing)
            cache.WriteTree(model.Commit, listing.Select(file => new RepositoryFile(file.Path, file.Size, file.BlobId, file.LfsSha256)));
        foreach (string revision in model.Revisions)
            cache.WriteRef(revision, model.Commit);
    }

    // A blob that is there already is replaced by the one that was just checked.
    private static void Place(string staged, string blob, bool isLastUse)
    {
        if (isLastUse)
        {
            File.Move(staged, blob, overwrite: true);
            return;
        }
        string temporary = $"{blob}.{Guid.NewGuid():N}.llm-service.incomplete";
        try
        {
            File.Copy(staged, temporary);
            File.Move(temporary, blob, overwrite: true);
        }
        finally
        {
            File.Delete(temporary);
        }
    }
}
