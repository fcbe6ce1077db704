using System.Buffers;
using System.Net.Http.Headers;

namespace LlmService.Hub;

/// <summary>Brings one file into the cache: verified, resumable, published by a rename.</summary>
internal sealed class FileDownload(
    RepositoryAccess access, HubCache cache, RepoId id, string commit, RepositoryFile file, Subject subject, ProgressTracker progress)
{
    private const int BufferSize = 1024 * 1024;
    private const int MaxTriesWithoutProgress = 5;

    private HubOptions Options => access.Options;

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        // 1. What the listing promises may be here already, also from another snapshot or client.
        string? etag = file.Sha256 ?? file.BlobId;
        Source? source = null;
        if (etag is null || HubCache.FileSize(cache.BlobPath(etag)) != file.SizeBytes)
        {
            source = await ResolveAsync(etag, cancellationToken).ConfigureAwait(false);
            etag = source.Etag;
        }

        // 2. One process downloads, the others wait and find the blob.
        using (FileStream? held = await CacheLock
            .AcquireAsync(cache.LockPath(etag), () => cache.ArrivedBytes(etag), Options.TimeProvider, cancellationToken).ConfigureAwait(false))
        {
            if (HubCache.FileSize(cache.BlobPath(etag)) != file.SizeBytes)
            {
                source ??= await ResolveAsync(etag, cancellationToken).ConfigureAwait(false);
                await FetchAsync(source, locked: held is not null, cancellationToken).ConfigureAwait(false);
            }
            cache.Link(etag, commit, file.Path);
        }
        progress.Report(file, file.SizeBytes);
    }

    /// <summary>Asks the Hub for the file's tag and for the address of its bytes.</summary>
    private async Task<Source> ResolveAsync(string? expectedTag, CancellationToken cancellationToken)
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
        bool changed = (expectedTag is not null && expectedTag != tag)
            || (HubHeaders.FileSize(answer.Response) is { } size && size != file.SizeBytes);
        if (changed)
        {
            if (expectedTag is not null)
                File.Delete(cache.IncompletePath(expectedTag));
            throw Explanations.Of(Options, subject, HubDiagnosis.CorruptDownload, "the file differs from the repository's listing");
        }
        return new Source(tag, answer.ForeignLocation ?? answer.Uri, answer.FromHub && answer.ForeignLocation is null);
    }

    private async Task FetchAsync(Source source, bool locked, CancellationToken cancellationToken)
    {
        if (locked)
        {
            await FetchAsync(source, cache.IncompletePath(source.Etag), cancellationToken).ConfigureAwait(false);
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
            File.Delete(own);
        }
    }

    private async Task FetchAsync(Source source, string partial, CancellationToken cancellationToken)
    {
        // Never write through a link that somebody planted.
        if (new FileInfo(partial).LinkTarget is not null)
            File.Delete(partial);
        for (int attempt = 1; ; attempt++)
        {
            bool good;
            var stream = new FileStream(partial, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0, FileOptions.Asynchronous);
            await using (stream.ConfigureAwait(false))
            {
                good = await FillAsync(source, stream, cancellationToken).ConfigureAwait(false);
                if (good)
                    stream.Flush(flushToDisk: true);
                else
                    stream.SetLength(0);
            }
            if (good)
                break;
            if (attempt == 2)
            {
                File.Delete(partial);
                throw Explanations.Of(Options, subject, HubDiagnosis.CorruptDownload);
            }
        }
        File.Move(partial, cache.BlobPath(source.Etag), overwrite: true);
    }

    /// <summary>Completes the partial file; false when what it then holds is not the promised content.</summary>
    private async Task<bool> FillAsync(Source source, FileStream stream, CancellationToken cancellationToken)
    {
        if (stream.Length > file.SizeBytes)
            stream.SetLength(0);
        using IMemoryOwner<byte> buffer = MemoryPool<byte>.Shared.Rent(BufferSize);
        // Against the most there ever was: bytes that were thrown away and came again are no progress.
        long reached = stream.Length;
        int fruitless = 0;
        int refusedAddresses = 0;
        TimeSpan backoff = TimeSpan.Zero;
        while (stream.Length < file.SizeBytes)
        {
            Exception? failure = null;
            Outcome outcome = Outcome.Cut;
            try
            {
                outcome = await TransferAsync(source, stream, buffer.Memory, cancellationToken).ConfigureAwait(false);
            }
            catch (HttpRequestException cut)
            {
                failure = cut;
            }
            catch (OperationCanceledException stall) when (!cancellationToken.IsCancellationRequested)
            {
                failure = stall;
            }
            if (outcome == Outcome.TooLong)
                return false;
            if (stream.Length > reached)
            {
                reached = stream.Length;
                (fruitless, refusedAddresses, backoff) = (0, 0, TimeSpan.Zero);
                continue;
            }
            if (stream.Length >= file.SizeBytes)
                break;
            fruitless++;
            if (outcome == Outcome.AddressRefused)
            {
                if (++refusedAddresses >= MaxTriesWithoutProgress)
                    throw Explanations.Of(Options, subject, HubDiagnosis.SignedUrlExpired);
                source = await ResolveAsync(source.Etag, cancellationToken).ConfigureAwait(false);
                continue;
            }
            if (fruitless >= MaxTriesWithoutProgress)
                throw Explanations.Of(Options, subject, HubDiagnosis.HubUnavailable, "the transfer broke off again and again", failure);
            backoff = RetryPolicy.NextBackoff(backoff);
            await Task.Delay(backoff, Options.TimeProvider, cancellationToken).ConfigureAwait(false);
        }
        return await VerifyAsync(source.Etag, stream, buffer.Memory, cancellationToken).ConfigureAwait(false);
    }

    private async Task<Outcome> TransferAsync(Source source, FileStream stream, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        long start = stream.Length;
        // Signed addresses get no token; and an address that a foreign hop gave stays anonymous even on the Hub's origin.
        var request = new HubRequest(HttpMethod.Get, source.Address, subject) { RangeStart = start, Anonymous = !source.OnHub };
        using HubAnswer answer = await access.SendAsync(request, cancellationToken).ConfigureAwait(false);
        if (answer.Status is 400 or 401 or 403 or 404 or 410 && (!source.OnHub || !answer.FromHub))
            return Outcome.AddressRefused;
        if (answer.Status == 416)
        {
            stream.SetLength(0);
            return Outcome.Cut;
        }
        if (answer.Status is not (200 or 206))
            throw await access.DiagnoseAsync(answer, subject, cancellationToken).ConfigureAwait(false);
        if (answer.Status == 206 && !IsExpectedRange(answer.Response.Content.Headers.ContentRange, start))
        {
            stream.SetLength(0);
            return Outcome.Cut;
        }
        // A full answer to a question for a part: the server ignored the range.
        if (answer.Status == 200)
            stream.SetLength(0);
        return await CopyAsync(answer.Response, stream, buffer, cancellationToken).ConfigureAwait(false);
    }

    private async Task<Outcome> CopyAsync(HttpResponseMessage response, FileStream stream, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        using var stall = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        stall.CancelAfter(Options.DownloadTimeout);
        Stream body = await response.Content.ReadAsStreamAsync(stall.Token).ConfigureAwait(false);
        await using (body.ConfigureAwait(false))
        {
            stream.Position = stream.Length;
            while (true)
            {
                int read = await ReadAsync(body, buffer, stall.Token).ConfigureAwait(false);
                if (read == 0)
                    return Outcome.Cut;
                if (stream.Position + read > file.SizeBytes)
                    return Outcome.TooLong;
                await stream.WriteAsync(buffer[..read], cancellationToken).ConfigureAwait(false);
                progress.Report(file, stream.Position);
                stall.CancelAfter(Options.DownloadTimeout);
            }
        }
    }

    // The failures of the network are told from those of the disk here, where both are still apart.
    private static async Task<int> ReadAsync(Stream body, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        try
        {
            return await body.ReadAsync(buffer, cancellationToken).ConfigureAwait(false);
        }
        catch (IOException cut)
        {
            throw new HttpRequestException(HttpRequestError.ResponseEnded, "The transfer broke off.", cut);
        }
    }

    private async Task<bool> VerifyAsync(string etag, FileStream stream, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        using var hash = new ContentHash(etag, file.SizeBytes);
        stream.Position = 0;
        int read;
        while ((read = await stream.ReadAsync(buffer, cancellationToken).ConfigureAwait(false)) > 0)
            hash.Append(buffer.Span[..read]);
        return stream.Length == file.SizeBytes && hash.Matches();
    }

    private bool IsExpectedRange(ContentRangeHeaderValue? range, long start) =>
        range is not null && range.From == start && range.Length == file.SizeBytes;

    /// <summary>Where the bytes are, and the tag that they must have.</summary>
    private sealed record Source(string Etag, Uri Address, bool OnHub);

    private enum Outcome
    {
        Cut,
        AddressRefused,
        TooLong,
    }
}
