using System.Buffers;
using System.Security.Cryptography;

namespace LlmService.Hub.Bundles;

/// <summary>Reads a bundle from front to back and believes nothing: only what the manifest names, once, with its size and hashes, passes.</summary>
/// <param name="path">The archive.</param>
internal sealed class BundleReader(string path)
{
    public const string ManifestName = "manifest.json";
    public const string BlobFolder = "blobs/";

    private const int BufferSize = 1024 * 1024;
    private const int MaxManifestBytes = 64 * 1024 * 1024;

    // tar fills its last record; more than that is something else.
    private const int MaxTrailingBytes = 1024 * 1024;

    /// <summary>Reads and checks the whole archive.</summary>
    /// <param name="begin">Told the manifest, before any content is read.</param>
    /// <param name="open">Gives the stream that a blob's bytes go to; it is closed here. <see cref="Stream.Null"/> to check only.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <exception cref="HubException">BadBundle.</exception>
    public async Task<BundleContent> ReadAsync(Action<BundleManifest> begin, Func<BundledFile, Stream> open, CancellationToken cancellationToken)
    {
        try
        {
            var archive = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0, FileOptions.SequentialScan | FileOptions.Asynchronous);
            await using (archive.ConfigureAwait(false))
            {
                byte[] json = await ReadManifestAsync(archive, cancellationToken).ConfigureAwait(false);
                BundleManifest manifest = ManifestReader.Read(json);
                Dictionary<string, BundledFile> missing = ManifestReader.Blobs(manifest);
                begin(manifest);
                await ReadBlobsAsync(archive, missing, open, cancellationToken).ConfigureAwait(false);
                if (missing.Count > 0)
                    throw new FormatException($"it lacks {BlobFolder}{missing.Keys.First()} ('{missing.Values.First().Path}')");
                return new BundleContent(manifest, Convert.ToHexStringLower(SHA256.HashData(json)), archive.Length);
            }
        }
        catch (EndOfStreamException failure)
        {
            throw BundleRefusal.Of(path, "it is cut off", failure);
        }
        catch (FormatException failure)
        {
            throw BundleRefusal.Of(path, failure.Message, failure);
        }
    }

    private static async Task<byte[]> ReadManifestAsync(FileStream archive, CancellationToken cancellationToken)
    {
        TarHeader header = await ReadHeaderAsync(archive, cancellationToken).ConfigureAwait(false) ?? throw new FormatException("it is empty");
        if (header.Name != ManifestName || header.Size > MaxManifestBytes)
            throw new FormatException($"it does not begin with a {ManifestName} of at most {MaxManifestBytes} bytes");
        if (header.Size > archive.Length)
            throw new EndOfStreamException();
        byte[] json = new byte[header.Size];
        await archive.ReadExactlyAsync(json, cancellationToken).ConfigureAwait(false);
        await ReadPaddingAsync(archive, header, cancellationToken).ConfigureAwait(false);
        return json;
    }

    private static async Task ReadBlobsAsync(
        FileStream archive, Dictionary<string, BundledFile> missing, Func<BundledFile, Stream> open, CancellationToken cancellationToken)
    {
        HashSet<string> seen = [];
        using IMemoryOwner<byte> buffer = MemoryPool<byte>.Shared.Rent(BufferSize);
        while (await ReadHeaderAsync(archive, cancellationToken).ConfigureAwait(false) is { } header)
        {
            string blob = header.Name.StartsWith(BlobFolder, StringComparison.Ordinal) ? header.Name[BlobFolder.Length..] : "";
            if (!missing.Remove(blob, out BundledFile? file))
                throw new FormatException(seen.Contains(blob) ? $"it holds '{header.Name}' twice" : $"it holds '{header.Name}', which its manifest does not name");
            seen.Add(blob);
            if (header.Size != file.Size)
                throw new FormatException($"'{header.Name}' ('{file.Path}') has {header.Size} bytes, the manifest says {file.Size}");
            await ReadBlobAsync(archive, file, open, buffer.Memory, cancellationToken).ConfigureAwait(false);
            await ReadPaddingAsync(archive, header, cancellationToken).ConfigureAwait(false);
        }
        await ReadEndAsync(archive, buffer.Memory, cancellationToken).ConfigureAwait(false);
    }

    private static async Task ReadBlobAsync(
        FileStream archive, BundledFile file, Func<BundledFile, Stream> open, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        using var sha256 = new ContentHash(file.Sha256, file.Size);
        using ContentHash? git = file.Blob == file.Sha256 ? null : new ContentHash(file.Blob, file.Size);
        Stream destination = open(file);
        await using (destination.ConfigureAwait(false))
        {
            for (long left = file.Size; left > 0;)
            {
                Memory<byte> part = buffer[..(int)Math.Min(buffer.Length, left)];
                await archive.ReadExactlyAsync(part, cancellationToken).ConfigureAwait(false);
                sha256.Append(part.Span);
                git?.Append(part.Span);
                await destination.WriteAsync(part, cancellationToken).ConfigureAwait(false);
                left -= part.Length;
            }
        }
        if (!sha256.Matches() || git?.Matches() == false)
            throw new FormatException($"'{BlobFolder}{file.Blob}' ('{file.Path}') does not have the hash that the manifest says");
    }

    /// <summary>Null at the end of the archive.</summary>
    private static async Task<TarHeader?> ReadHeaderAsync(FileStream archive, CancellationToken cancellationToken)
    {
        byte[] block = new byte[TarHeader.BlockSize];
        await archive.ReadExactlyAsync(block, cancellationToken).ConfigureAwait(false);
        return block.AsSpan().ContainsAnyExcept((byte)0) ? TarHeader.Parse(block) : null;
    }

    private static async Task ReadPaddingAsync(FileStream archive, TarHeader header, CancellationToken cancellationToken)
    {
        byte[] padding = new byte[header.Padding];
        await archive.ReadExactlyAsync(padding, cancellationToken).ConfigureAwait(false);
        if (padding.AsSpan().ContainsAnyExcept((byte)0))
            throw new FormatException($"it has hidden bytes after '{header.Name}'");
    }

    private static async Task ReadEndAsync(FileStream archive, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        if (archive.Length - archive.Position > MaxTrailingBytes)
            throw new FormatException("it has more bytes after its end");
        int read;
        while ((read = await archive.ReadAsync(buffer, cancellationToken).ConfigureAwait(false)) > 0)
        {
            if (buffer.Span[..read].ContainsAnyExcept((byte)0))
                throw new FormatException("it has more bytes after its end");
        }
    }
}

/// <summary>What a bundle holds, all of it checked.</summary>
/// <param name="Manifest">The manifest.</param>
/// <param name="ManifestSha256">The manifest's own hash: it stands for everything in the bundle, to be compared with what its maker tells.</param>
/// <param name="SizeBytes">Size of the archive.</param>
public sealed record BundleContent(BundleManifest Manifest, string ManifestSha256, long SizeBytes);
