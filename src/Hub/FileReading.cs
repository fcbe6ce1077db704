namespace LlmService.Hub;

/// <summary>Reads a small file of the Hub, or the beginning of a large one, into memory. The cache is left as it is.</summary>
internal static class FileReading
{
    /// <summary>The whole file, verified.</summary>
    public static Task<byte[]> ReadAsync(
        RepositoryAccess access, RepoId id, string commit, RepositoryFile file, Subject subject, CancellationToken cancellationToken) =>
        RetryPolicy.OverBrokenBodiesAsync(() => ReadOnceAsync(access, id, commit, file, null, subject, cancellationToken), access.Options, subject, cancellationToken);

    /// <summary>The first bytes of the file, which no hash covers.</summary>
    public static Task<byte[]> ReadStartAsync(
        RepositoryAccess access, RepoId id, string commit, RepositoryFile file, int count, Subject subject, CancellationToken cancellationToken) =>
        RetryPolicy.OverBrokenBodiesAsync(() => ReadOnceAsync(access, id, commit, file, count, subject, cancellationToken), access.Options, subject, cancellationToken);

    private static async Task<byte[]> ReadOnceAsync(
        RepositoryAccess access, RepoId id, string commit, RepositoryFile file, int? count, Subject subject, CancellationToken cancellationToken)
    {
        // 1. The Hub's own answer: the content, or the address of it.
        var request = new HubRequest(HttpMethod.Get, access.Urls.Resolve(id, commit, file.Path), subject) { StopAtForeignHost = true, RangeEnd = count };
        using HubAnswer answer = await access.RequestAsync(request, cancellationToken).ConfigureAwait(false);
        if (answer.Commit != commit)
            throw Explanations.NotTheHub(access.Options, subject, answer.Commit is null ? "the answer names no commit" : "the answer is of another commit");
        if (answer.ForeignLocation is not { } address)
            return await BodyAsync(access.Options, answer, file, count, subject, cancellationToken).ConfigureAwait(false);

        // 2. A signed address gets no token, and its refusal says nothing about access.
        var signed = new HubRequest(HttpMethod.Get, address, subject) { Anonymous = true, RangeEnd = count };
        using HubAnswer content = await access.SendAsync(signed, cancellationToken).ConfigureAwait(false);
        return content.IsGood
            ? await BodyAsync(access.Options, content, file, count, subject, cancellationToken).ConfigureAwait(false)
            : throw Explanations.Of(access.Options, subject, HubDiagnosis.SignedUrlExpired, $"HTTP {content.Status}");
    }

    private static async Task<byte[]> BodyAsync(
        HubOptions options, HubAnswer answer, RepositoryFile file, int? count, Subject subject, CancellationToken cancellationToken)
    {
        byte[]? content;
        try
        {
            if (count is { } some)
                return await BoundedContent.ReadStartAsync(answer.Response, some, options.DownloadTimeout, cancellationToken).ConfigureAwait(false);
            content = await BoundedContent.ReadAsync(answer.Response, (int)file.SizeBytes, options.DownloadTimeout, cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException mute) when (!cancellationToken.IsCancellationRequested)
        {
            throw Explanations.Unreachable(options, subject, HubDiagnosis.Blocked, mute);
        }
        return content is not null && IsPromised(content, file) ? content : throw Explanations.Of(options, subject, HubDiagnosis.CorruptDownload, "it arrived damaged");
    }

    private static bool IsPromised(byte[] content, RepositoryFile file)
    {
        if (content.Length != file.SizeBytes)
            return false;
        if ((file.Sha256 ?? file.BlobId) is not { } etag)
            return true;
        using var hash = new ContentHash(etag, file.SizeBytes);
        hash.Append(content);
        return hash.Matches();
    }
}
