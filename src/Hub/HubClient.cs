namespace LlmService.Hub;

/// <summary>A client of the Hugging Face Hub: finds repositories and downloads their files into the standard cache.</summary>
public sealed class HubClient : IDisposable
{
    /// <summary>Makes a client.</summary>
    /// <param name="options">Endpoint, cache, token.</param>
    /// <param name="handler">The transport; null for a <see cref="SocketsHttpHandler"/> without automatic redirects, cookies and decompression. Not owned when handed in.</param>
    public HubClient(HubOptions options, HttpMessageHandler? handler = null) => throw new NotSupportedException();

    /// <summary>Resolves a revision to a commit and lists the files. Falls back to the cache when the Hub cannot be reached.</summary>
    /// <exception cref="HubException">Missing, private, gated, refused, unreachable.</exception>
    public Task<ModelRepository> OpenAsync(RepoId id, string revision, CancellationToken cancellationToken) => throw new NotSupportedException();

    /// <inheritdoc/>
    public void Dispose() => throw new NotSupportedException();
}
