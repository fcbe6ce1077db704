using System.Buffers;
using System.Net.Http.Headers;

namespace LlmService.Hub;

/// <summary>Where the bytes of a file are, and the tag that they must have.</summary>
internal sealed record FileSource(string Etag, Uri Address, bool OnHub);

/// <summary>Fills a partial file: over several connections when it is large and the server can, again and again where they break off.</summary>
/// <param name="access">The way to the repository.</param>
/// <param name="file">What the listing promises.</param>
/// <param name="subject">What it is about, for messages.</param>
/// <param name="partial">Receives the bytes.</param>
/// <param name="resolve">Asks the Hub for a fresh address.</param>
/// <param name="progress">Told about every block.</param>
internal sealed class FileTransfer(
    RepositoryAccess access, RepositoryFile file, Subject subject, PartialFile partial, Func<CancellationToken, Task<FileSource>> resolve, ProgressTracker progress)
    : IDisposable
{
    private const int BufferSize = 1024 * 1024;
    private const int MaxTriesWithoutProgress = 5;

    /// <summary>Less than this between two failures is not worth trying again without a pause.</summary>
    private const long RealProgressBytes = 64 * 1024;

    /// <summary>A server that drips more slowly than this does not work: a kilobyte a second.</summary>
    private const long MinBytesPerWindow = 30 * 1024;

    private static readonly TimeSpan Window = TimeSpan.FromSeconds(30);

    private readonly SemaphoreSlim _renewal = new(1, 1);
    private readonly TaskCompletionSource<bool> _rangesWork = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile FileSource? _source;
    private volatile bool _oneConnection;
    private volatile bool _rangesIgnored;
    private volatile bool _moved;
    private int _lanes;

    private HubOptions Options => access.Options;

    /// <summary>Brings what is missing.</summary>
    /// <param name="source">Where the bytes are.</param>
    /// <param name="cancellationToken">Stops; what has arrived stays.</param>
    /// <exception cref="HubException">The bytes cannot be had.</exception>
    /// <exception cref="InvalidDataException">The server has more bytes than were promised.</exception>
    public async Task RunAsync(FileSource source, CancellationToken cancellationToken)
    {
        _source = source;
        if (file.SizeBytes - partial.ArrivedBytes >= 2 * Options.RangeSizeBytes && await RunLanesAsync(cancellationToken).ConfigureAwait(false))
            return;
        _oneConnection = true;
        using IMemoryOwner<byte> buffer = MemoryPool<byte>.Shared.Rent(BufferSize);
        while (partial.Claim(long.MaxValue) is { } part)
            await FetchAsync(part, first: true, buffer.Memory, cancellationToken).ConfigureAwait(false);
    }

    public void Dispose() => _renewal.Dispose();

    /// <summary>False when the server does not give ranges after all, so that one connection has to bring the file.</summary>
    private async Task<bool> RunLanesAsync(CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        partial.BeginRanges();
        _lanes = Options.ParallelRanges;
        try
        {
            await Task.WhenAll(Enumerable.Range(0, Options.ParallelRanges).Select(lane => RunLaneAsync(lane == 0, stop))).ConfigureAwait(false);
            return partial.IsComplete;
        }
        catch (OperationCanceledException) when (_rangesIgnored && !cancellationToken.IsCancellationRequested)
        {
            return false;
        }
    }

    private async Task RunLaneAsync(bool first, CancellationTokenSource stop)
    {
        try
        {
            // The answer to the first lane's question tells whether more connections make sense.
            if (!first && !await _rangesWork.Task.WaitAsync(stop.Token).ConfigureAwait(false))
                return;
            using IMemoryOwner<byte> buffer = MemoryPool<byte>.Shared.Rent(BufferSize);
            while (partial.Claim(Options.RangeSizeBytes) is { } part)
                await FetchAsync(part, first, buffer.Memory, stop.Token).ConfigureAwait(false);
            Interlocked.Decrement(ref _lanes);
        }
        catch (HubException failure) when (_rangesWork.Task.IsCompleted && NetworkFailures.IsTransient(failure.Diagnosis) && Interlocked.Decrement(ref _lanes) > 0)
        {
            // A server may allow fewer connections than these: the others go on, and take over what this one had.
        }
        catch
        {
            await stop.CancelAsync().ConfigureAwait(false);
            throw;
        }
        finally
        {
            if (first)
                _rangesWork.TrySetResult(false);
        }
    }

    private async Task FetchAsync(PartialFile.Part part, bool first, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        // Against the most there ever was: bytes that were thrown away and came again are no progress.
        long reached = part.Position;
        var tries = new Tries();
        try
        {
            while (!part.IsComplete)
            {
                FileSource source = _source!;
                bool alone = _oneConnection || (first && !_rangesWork.Task.IsCompleted);
                long asking = TimeProvider.System.GetTimestamp();
                (Outcome outcome, Exception? failure) = await TryAsync(source, part, alone, buffer, cancellationToken).ConfigureAwait(false);
                long gained = part.Position - reached;
                bool fruitless = gained <= 0 || outcome == Outcome.Mute;
                reached = Math.Max(reached, part.Position);
                if (gained >= RealProgressBytes)
                    tries = new Tries();
                else if (outcome == Outcome.AddressRefused)
                    await RenewAsync(source, tries, cancellationToken).ConfigureAwait(false);
                else if (!part.IsComplete)
                    await PauseAsync(tries, fruitless ? TimeProvider.System.GetElapsedTime(asking) : null, failure, cancellationToken).ConfigureAwait(false);
            }
        }
        finally
        {
            partial.Release(part);
        }
    }

    private async Task RenewAsync(FileSource refused, Tries tries, CancellationToken cancellationToken)
    {
        if (++tries.Refused >= MaxTriesWithoutProgress)
            throw Explanations.Of(Options, subject, HubDiagnosis.SignedUrlExpired);
        await _renewal.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            // Another connection may have got a new address meanwhile.
            if (ReferenceEquals(_source, refused))
                _source = await resolve(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _renewal.Release();
        }
    }

    /// <summary>Waits before the next try; gives up after too many without fruit, or when they cost a minute together.</summary>
    private async Task PauseAsync(Tries tries, TimeSpan? wasted, Exception? failure, CancellationToken cancellationToken)
    {
        tries.Backoff = RetryPolicy.NextBackoff(tries.Backoff);
        if (wasted is { } time)
        {
            tries.Fruitless++;
            tries.Wasted += time + tries.Backoff;
        }
        // Once a whole time-out was lost, another one must still fit into the minute.
        bool tooLong = tries.Wasted >= BodyTimeout && tries.Wasted + BodyTimeout > RetryPolicy.MaxWait;
        if (tries.Fruitless >= MaxTriesWithoutProgress || tooLong)
            throw Explanations.OfHost(Options, subject, HubDiagnosis.HubUnavailable, _source!.Address, "the transfer broke off or stood still again and again", failure);
        await Task.Delay(tries.Backoff, Options.TimeProvider, cancellationToken).ConfigureAwait(false);
    }

    private TimeSpan BodyTimeout => Options.DownloadTimeout < RetryPolicy.MaxWait ? Options.DownloadTimeout : RetryPolicy.MaxWait;

    private async Task<(Outcome Outcome, Exception? Failure)> TryAsync(
        FileSource source, PartialFile.Part part, bool alone, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        Outcome outcome;
        try
        {
            outcome = await TransferAsync(source, part, alone, buffer, cancellationToken).ConfigureAwait(false);
        }
        catch (HttpRequestException cut)
        {
            return (Outcome.Cut, cut);
        }
        catch (OperationCanceledException stall) when (!cancellationToken.IsCancellationRequested)
        {
            return (Outcome.Mute, stall);
        }
        catch (HubException gone) when (_moved && gone.Diagnosis is HubDiagnosis.Offline or HubDiagnosis.Blocked)
        {
            // Bytes came a moment ago, so this may be a short trouble of the network and not a wrong address.
            return (Outcome.Cut, gone);
        }
        if (outcome == Outcome.RangesIgnored)
        {
            _rangesIgnored = true;
            throw new OperationCanceledException("The server stopped to give ranges.");
        }
        return (outcome, null);
    }

    private async Task<Outcome> TransferAsync(FileSource source, PartialFile.Part part, bool alone, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        // Signed addresses get no token; and an address that a foreign hop gave stays anonymous even on the Hub's origin.
        var request = new HubRequest(HttpMethod.Get, source.Address, subject)
        {
            RangeStart = part.Position,
            RangeEnd = part.End < file.SizeBytes ? part.End : null,
            Anonymous = !source.OnHub,
            IsTransfer = true,
        };
        using HubAnswer answer = await access.SendAsync(request, cancellationToken).ConfigureAwait(false);
        if (answer.Status is 400 or 401 or 403 or 404 or 410 && (!source.OnHub || !answer.FromHub))
            return Outcome.AddressRefused;
        if (answer.Status is not (200 or 206 or 416))
            throw await access.DiagnoseAsync(answer, subject, cancellationToken).ConfigureAwait(false);
        if (ForeignPage.IsHtml(answer.Response) && !file.Path.EndsWith(".html", StringComparison.OrdinalIgnoreCase))
        {
            string page = await ForeignPage.DescribeAsync(answer, Options, cancellationToken).ConfigureAwait(false);
            throw Explanations.OfHost(Options, subject, HubDiagnosis.NotTheHub, answer.Uri, page);
        }
        bool whole = answer.Status == 200 && (part.Position > 0 || part.End < file.SizeBytes);
        bool refused = answer.Status == 416 || (answer.Status == 206 && !IsExpectedRange(answer.Response.Content.Headers.ContentRange, part));
        if ((whole || refused) && !alone)
            return whole ? Outcome.RangesIgnored : Outcome.Cut;
        // A full answer to a question for a part, or a part that does not fit: what is here cannot be continued.
        if (whole || refused)
            partial.Restart(part);
        if (refused)
            return Outcome.Cut;
        if (answer.Status == 206)
            _rangesWork.TrySetResult(true);
        return await CopyAsync(answer.Response, part, buffer, cancellationToken).ConfigureAwait(false);
    }

    private async Task<Outcome> CopyAsync(HttpResponseMessage response, PartialFile.Part part, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        if (part.End == file.SizeBytes && response.Content.Headers.ContentLength > file.SizeBytes - part.Position)
            throw TooLong();
        using var stall = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        stall.CancelAfter(BodyTimeout);
        Stream body = await response.Content.ReadAsStreamAsync(stall.Token).ConfigureAwait(false);
        await using (body.ConfigureAwait(false))
        {
            long windowStart = TimeProvider.System.GetTimestamp();
            long windowPosition = part.Position;
            while (true)
            {
                int read = await ReadAsync(body, buffer, stall.Token).ConfigureAwait(false);
                if (read == 0)
                    return Outcome.Cut;
                int wanted = (int)Math.Min(read, part.End - part.Position);
                if (wanted < read && part.End == file.SizeBytes)
                    throw TooLong();
                await partial.WriteAsync(part, buffer[..wanted], cancellationToken).ConfigureAwait(false);
                _moved = true;
                progress.Report(file, partial.ArrivedBytes);
                if (wanted < read)
                    return Outcome.Cut;
                if (TimeProvider.System.GetElapsedTime(windowStart) >= Window)
                {
                    if (part.Position - windowPosition < MinBytesPerWindow && !part.IsComplete)
                        return Outcome.Mute;
                    (windowStart, windowPosition) = (TimeProvider.System.GetTimestamp(), part.Position);
                }
                stall.CancelAfter(BodyTimeout);
            }
        }
    }

    private static InvalidDataException TooLong() => new("The server sends more bytes than the file has.");

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

    private bool IsExpectedRange(ContentRangeHeaderValue? range, PartialFile.Part part) =>
        range is not null && range.From == part.Position && range.Length == file.SizeBytes;

    private enum Outcome
    {
        Cut,
        Mute,
        AddressRefused,
        RangesIgnored,
    }

    /// <summary>What went wrong since the last real progress.</summary>
    private sealed class Tries
    {
        public int Fruitless { get; set; }
        public int Refused { get; set; }
        public TimeSpan Wasted { get; set; }
        public TimeSpan Backoff { get; set; }
    }
}
