using System.Buffers;
using System.Runtime.CompilerServices;

namespace LlmService.Hub.Cache;

/// <summary>Compares cached files with what the repository's listing, or else the blob's name, promises.</summary>
internal sealed class CacheVerification(string root, CachedModel model)
{
    private const int BufferSize = 1024 * 1024;

    private readonly HubCache _cache = new(root, model.Id);

    // Snapshots share blobs; each is read once.
    private readonly Dictionary<(string Location, string Expected), bool> _known = [];

    public async IAsyncEnumerable<VerifiedFile> RunAsync(
        IReadOnlyList<CachedSnapshot> snapshots, bool withLooseBlobs, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (CachedSnapshot snapshot in snapshots)
        {
            Dictionary<string, RepositoryFile> listing = (_cache.ReadTree(snapshot.Commit) ?? []).ToDictionary(file => file.Path, StringComparer.Ordinal);
            foreach (CachedFile file in snapshot.Files)
                yield return await VerifyAsync(snapshot, file, listing.GetValueOrDefault(file.Path), cancellationToken).ConfigureAwait(false);
        }
        if (!withLooseBlobs)
            yield break;
        HashSet<string> used = [.. model.Snapshots.SelectMany(s => s.Files).Select(f => f.Blob).OfType<string>()];
        foreach (FileInfo blob in FolderContent.FilesIn(Path.Combine(model.Folder, "blobs")).OrderBy(b => b.Name, StringComparer.Ordinal))
        {
            if (!used.Contains(blob.Name) && !CacheScan.IsPartial(blob.Name))
                yield return await VerifyBlobAsync(blob, cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task<VerifiedFile> VerifyAsync(CachedSnapshot snapshot, CachedFile file, RepositoryFile? listed, CancellationToken cancellationToken)
    {
        string pointer = Path.Combine([snapshot.Folder, .. file.Path.Split('/')]);
        string location = Resolve(pointer);
        // A blob's name is the hash in most clients, but not in all: the listing goes first.
        string? expected = listed?.Sha256 ?? listed?.BlobId ?? HashIn(file.Blob);
        if (file.SizeBytes is null)
            return new VerifiedFile(file.Path, snapshot.Commit, null, VerifiedStatus.Missing, expected, location);
        VerifiedStatus status = listed is not null && listed.SizeBytes != file.SizeBytes ? VerifiedStatus.Corrupt
            : await CompareAsync(location, expected, cancellationToken).ConfigureAwait(false);
        return new VerifiedFile(file.Path, snapshot.Commit, file.SizeBytes, status, expected, location);
    }

    private async Task<VerifiedFile> VerifyBlobAsync(FileInfo blob, CancellationToken cancellationToken)
    {
        string location = Resolve(blob.FullName);
        long? size = HubCache.FileSize(blob.FullName);
        string? expected = HashIn(blob.Name);
        VerifiedStatus status = size is null ? VerifiedStatus.Missing : await CompareAsync(location, expected, cancellationToken).ConfigureAwait(false);
        return new VerifiedFile("blobs/" + blob.Name, null, size, status, expected, location);
    }

    private async Task<VerifiedStatus> CompareAsync(string location, string? expected, CancellationToken cancellationToken)
    {
        if (expected is null)
            return VerifiedStatus.Unknown;
        if (!_known.TryGetValue((location, expected), out bool good))
        {
            good = await HasHashAsync(location, expected, cancellationToken).ConfigureAwait(false);
            _known.Add((location, expected), good);
        }
        return good ? VerifiedStatus.Ok : VerifiedStatus.Corrupt;
    }

    private static async Task<bool> HasHashAsync(string location, string expected, CancellationToken cancellationToken)
    {
        using IMemoryOwner<byte> buffer = MemoryPool<byte>.Shared.Rent(BufferSize);
        var stream = new FileStream(location, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0, FileOptions.SequentialScan);
        await using (stream.ConfigureAwait(false))
        {
            using var hash = new ContentHash(expected, stream.Length);
            int read;
            while ((read = await stream.ReadAsync(buffer.Memory, cancellationToken).ConfigureAwait(false)) > 0)
                hash.Append(buffer.Memory.Span[..read]);
            return hash.Matches();
        }
    }

    private static string? HashIn(string? blobName) => Hex.IsSha256(blobName) || Hex.IsCommit(blobName) ? blobName : null;

    private static string Resolve(string path)
    {
        try
        {
            return new FileInfo(path).ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? path;
        }
        catch (IOException)
        {
            // Links in a circle lead nowhere.
            return path;
        }
    }
}
