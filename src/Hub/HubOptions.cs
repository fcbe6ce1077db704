using System.Net;

namespace LlmService.Hub;

/// <summary>What a <see cref="HubClient"/> needs to know. It reads no environment of its own.</summary>
public sealed record HubOptions
{
    /// <summary>The Hub, or a mirror of it; no trailing slash needed.</summary>
    /// <remarks>Plain http is fine for a loopback host. For any other host it is accepted only without a token,
    /// which would travel readable to everybody on the way.</remarks>
    public Uri Endpoint { get; init; } = new("https://huggingface.co");

    /// <summary>The cache folder (<c>$HF_HOME/hub</c>), shared with other Hub clients.</summary>
    public required string CacheFolder { get; init; }

    /// <summary>The token to send to the endpoint's origin; null to ask anonymously.</summary>
    public HubToken? Token { get; init; }

    /// <summary>Asked for the token before each request, so that a replaced secret counts at once and owners can have tokens of their own;
    /// stands before <see cref="Token"/>. Null where <see cref="Token"/> is enough.</summary>
    /// <remarks>The repository is null for requests that are about none. The answer null asks anonymously.
    /// A token with characters that no token has is not sent.</remarks>
    public Func<RepoId?, CancellationToken, ValueTask<HubToken?>>? TokenFor { get; init; }

    /// <summary>What the user should know where no token was found, in one sentence; for messages.</summary>
    public string? TokenHint { get; init; }

    /// <summary>When true no socket is opened; only the cache answers.</summary>
    public bool Offline { get; init; }

    /// <summary>When true snapshots of the cache hold the files themselves instead of links to them.</summary>
    public bool DisableSymlinks { get; init; }

    /// <summary>How long to wait for the headers of a metadata answer. A host that stays mute costs at most a minute, whatever is set here.</summary>
    public TimeSpan MetadataTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a download may go without a byte.</summary>
    public TimeSpan DownloadTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>The User-Agent header.</summary>
    public string UserAgent { get; init; } = "llm-service; dotnet/10.0";

    /// <summary>Told each thing that the Hub warns of, once; null for nobody.</summary>
    public IProgress<string>? Warnings { get; init; }

    /// <summary>The proxy; null for the one that the system or the environment of the process names. Loopback hosts are always asked directly.</summary>
    public IWebProxy? Proxy { get; init; }

    /// <summary>A PEM file with certificate authorities to trust besides those of the system, such as that of a proxy that inspects TLS.</summary>
    public string? CertificateAuthorityFile { get; init; }

    /// <summary>Bytes of one ranged request; files of at least twice the size are fetched over several connections.</summary>
    internal long RangeSizeBytes { get; init; } = 16 * 1024 * 1024;

    /// <summary>Connections for one large file.</summary>
    internal int ParallelRanges { get; init; } = 4;

    /// <summary>The clock for back-off and rate limits.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <summary>The token for the next request.</summary>
    /// <param name="repository">The repository; null for requests that are about none.</param>
    /// <param name="cancellationToken">Stops the search, which may renew a token over the network.</param>
    public async ValueTask<HubToken?> FindTokenAsync(RepoId? repository, CancellationToken cancellationToken)
    {
        if (repository is { Value: null })
            repository = null;
        HubToken? token = TokenFor is null ? Token : await TokenFor(repository, cancellationToken).ConfigureAwait(false);
        return token is { Secret.IsUsable: true } ? token : null;
    }

    /// <summary>The proxy that an address is asked through; null for none.</summary>
    internal Uri? ProxyOf(Uri address)
    {
        IWebProxy proxy = Proxy ?? HttpClient.DefaultProxy;
        return address.IsLoopback || proxy.IsBypassed(address) ? null : proxy.GetProxy(address);
    }

    /// <summary>Checks the values against each other.</summary>
    /// <exception cref="ArgumentException">A value cannot work; the message names it and never holds the token.</exception>
    public void Validate()
    {
        if (Endpoint is not { IsAbsoluteUri: true } || (Endpoint.Scheme != Uri.UriSchemeHttps && Endpoint.Scheme != Uri.UriSchemeHttp))
            throw new ArgumentException("The Hub endpoint must be an absolute http or https address.", nameof(Endpoint));
        if (Endpoint.UserInfo.Length > 0 || Endpoint.Query.Length > 0 || Endpoint.Fragment.Length > 0)
            throw new ArgumentException("The Hub endpoint must not carry credentials, a query or a fragment.", nameof(Endpoint));
        if (Token is not null && Endpoint.Scheme == Uri.UriSchemeHttp && !Endpoint.IsLoopback)
            throw new ArgumentException($"A token is never sent over plain http to '{Endpoint.Host}'. Use https, or no token.", nameof(Token));
        if (Token is not null && !Token.Secret.IsUsable)
            throw new ArgumentException($"The {Token} is empty or has characters that no token has.", nameof(Token));
        if (string.IsNullOrWhiteSpace(CacheFolder))
            throw new ArgumentException("The cache folder must be named.", nameof(CacheFolder));
        if (MetadataTimeout <= TimeSpan.Zero || MetadataTimeout > TimeSpan.FromHours(1))
            throw new ArgumentException("The metadata time-out must be positive and at most an hour.", nameof(MetadataTimeout));
        if (DownloadTimeout <= TimeSpan.Zero || DownloadTimeout > TimeSpan.FromHours(1))
            throw new ArgumentException("The download time-out must be positive and at most an hour.", nameof(DownloadTimeout));
        if (CertificateAuthorityFile is not null)
            CertificateAuthorities.Read(CertificateAuthorityFile);
        if (UserAgent.Any(char.IsControl))
            throw new ArgumentException("The user agent must not have control characters.", nameof(UserAgent));
    }
}
