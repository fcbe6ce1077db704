using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace LlmService.Hub.Bundles;

/// <summary>Makes a bundle. The same files give the same bytes, on every machine and on every day.</summary>
/// <param name="path">The archive.</param>
internal sealed class BundleWriter(string path)
{
    private const int BufferSize = 1024 * 1024;
    private const int EndBytes = 2 * TarHeader.BlockSize;

    public async Task<BundleContent> WriteAsync(IReadOnlyCollection<BundleSource> sources, CancellationToken cancellationToken)
    {
        // 1. Every file is read and compared with what the repository promises.
        var locations = new SortedDictionary<string, (BundledFile File, string Location)>(StringComparer.Ordinal);
        List<BundledModel> models = [];
        foreach (BundleSource source in sources)
            models.Add(await DescribeAsync(source, locations, cancellationToken).ConfigureAwait(false));
        var manifest = new BundleManifest(BundleManifest.ExpectedFormat, BundleManifest.ExpectedVersion, Merge(models));
        byte[] json = [.. JsonSerializer.SerializeToUtf8Bytes(manifest, BundleJson.Default.BundleManifest), (byte)'\n'];

        // 2. The archive is written beside its place, read back as a stranger would, and only then put there.
        string temporary = $"{Path.GetFullPath(path)}.{Guid.NewGuid():N}.tmp";
        try
        {
            await WriteArchiveAsync(temporary, json, locations.Values, cancellationToken).ConfigureAwait(false);
            BundleContent content = await new BundleReader(temporary).ReadAsync(_ => { }, _ => Stream.Null, cancellationToken).ConfigureAwait(false);
            File.Move(temporary, path, overwrite: true);
            return content;
        }
        finally
        {
            File.Delete(temporary);
        }
    }

    // The same commit asked for under two names is one model with both names.
    private static List<BundledModel> Merge(List<BundledModel> models) =>
    [
        .. models.GroupBy(model => (model.Id, model.Commit))
            .Select(group => group.First() with { Revisions = [.. group.SelectMany(m => m.Revisions).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)] })
            .OrderBy(model => model.Id, StringComparer.Ordinal).ThenBy(model => model.Commit, StringComparer.Ordinal),
    ];

    private async Task<BundledModel> DescribeAsync(
        BundleSource source, SortedDictionary<string, (BundledFile, string)> locations, CancellationToken cancellationToken)
    {
        ModelRepository repository = source.Repository;
        Dictionary<string, RepositoryFile> listed = repository.Files.ToDictionary(file => file.Path, StringComparer.Ordinal);
        List<BundledFile> files = [];
        foreach (string file in source.Paths.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal))
        {
            string location = Path.Combine([repository.SnapshotFolder, .. file.Split('/')]);
            BundledFile bundled = await DescribeAsync(repository.Id, file, location, listed.GetValueOrDefault(file), cancellationToken).ConfigureAwait(false);
            files.Add(bundled);
            locations.TryAdd(bundled.Blob, (bundled, location));
        }
        bool hasListing = files.Count > 0 && repository.Files.All(file => file.BlobId is not null || file.Sha256 is not null);
        return new BundledModel(
            repository.Id.Value, repository.Commit, repository.Revision == repository.Commit ? [] : [repository.Revision],
            ModelCard.ReadLicence(Path.Combine(repository.SnapshotFolder, ModelCard.FileName)),
            [.. files.Select(file => file.Path).Where(BundleLicense.IsLicenseFile)], files,
            hasListing ? [.. repository.Files.Select(file => new ListedFile(file.Path, file.SizeBytes, file.BlobId, file.Sha256))] : null);
    }

    private async Task<BundledFile> DescribeAsync(RepoId id, string file, string location, RepositoryFile? listed, CancellationToken cancellationToken)
    {
        if (HubCache.FileSize(location) is not { } size)
            throw BundleRefusal.CannotCreate(path, id, file, "is not in the cache");
        using var sha256 = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using var git = IncrementalHash.CreateHash(HashAlgorithmName.SHA1);
        git.AppendData(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"blob {size}\0")));
        await ReadAsync(location, bytes =>
        {
            sha256.AppendData(bytes.Span);
            git.AppendData(bytes.Span);
            return ValueTask.CompletedTask;
        }, cancellationToken).ConfigureAwait(false);
        string content = Convert.ToHexStringLower(sha256.GetHashAndReset());
        string gitId = Convert.ToHexStringLower(git.GetHashAndReset());
        string? promised = listed?.Sha256 ?? listed?.BlobId;
        if (promised is not null && promised != content && promised != gitId)
            throw BundleRefusal.CannotCreate(path, id, file, "does not have the hash in the cache that the repository promises");
        return new BundledFile(file, size, content, promised ?? content);
    }

    private static async Task WriteArchiveAsync(
        string destination, byte[] json, IEnumerable<(BundledFile File, string Location)> blobs, CancellationToken cancellationToken)
    {
        var archive = new FileStream(destination, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0, FileOptions.Asynchronous);
        await using (archive.ConfigureAwait(false))
        {
            var header = new TarHeader(BundleReader.ManifestName, json.Length);
            await archive.WriteAsync(header.ToBlock(), cancellationToken).ConfigureAwait(false);
            await archive.WriteAsync(json, cancellationToken).ConfigureAwait(false);
            await archive.WriteAsync(new byte[header.Padding], cancellationToken).ConfigureAwait(false);
            foreach ((BundledFile file, string location) in blobs)
            {
                header = new TarHeader(BundleReader.BlobFolder + file.Blob, file.Size);
                await archive.WriteAsync(header.ToBlock(), cancellationToken).ConfigureAwait(false);
                await ReadAsync(location, bytes => archive.WriteAsync(bytes, cancellationToken), cancellationToken).ConfigureAwait(false);
                await archive.WriteAsync(new byte[header.Padding], cancellationToken).ConfigureAwait(false);
            }
            await archive.WriteAsync(new byte[EndBytes], cancellationToken).ConfigureAwait(false);
            archive.Flush(flushToDisk: true);
        }
    }

    private static async Task ReadAsync(string location, Func<ReadOnlyMemory<byte>, ValueTask> take, CancellationToken cancellationToken)
    {
        using IMemoryOwner<byte> buffer = MemoryPool<byte>.Shared.Rent(BufferSize);
        var stream = new FileStream(location, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, bufferSize: 0, FileOptions.SequentialScan);
        await using (stream.ConfigureAwait(false))
        {
            int read;
            while ((read = await stream.ReadAsync(buffer.Memory, cancellationToken).ConfigureAwait(false)) > 0)
                await take(buffer.Memory[..read]).ConfigureAwait(false);
        }
    }
}
