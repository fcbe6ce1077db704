using System.Text.Json;

namespace LlmService.Hub;

/// <summary>A client of the Hugging Face Hub: finds repositories and downloads their files into the standard cache.</summary>
public sealed class HubClient : IDisposable
{
    private const int MaxRevisionLength = 255;

    private readonly HubOptions _options;
    private readonly HttpMessageInvoker _invoker;
    private readonly HubUrls _urls;
    private readonly HubTransport _transport;
    private readonly WhoAmI _whoAmI;

    /// <summary>Makes a client.</summary>
    /// <param name="options">Endpoint, cache, token.</param>
    /// <param name="handler">The transport; null for a <see cref="SocketsHttpHandler"/> without automatic redirects, cookies and decompression. Not owned when handed in.</param>
    /// <exception cref="ArgumentException">The options cannot work; see <see cref="HubOptions.Validate"/>.</exception>
    public HubClient(HubOptions options, HttpMessageHandler? handler = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        _options = options;
        _invoker = new HttpMessageInvoker(handler ?? HubHandler.Create(options), disposeHandler: handler is null);
        _urls = new HubUrls(options.Endpoint);
        _transport = new HubTransport(options, new TrustedOrigins(options.Endpoint), _invoker);
        _whoAmI = new WhoAmI(options, _urls, _transport);
    }

    /// <summary>Resolves a revision to a commit and lists the files. Falls back to the cache when the Hub cannot be reached.</summary>
    /// <exception cref="HubException">Missing, private, gated, refused, unreachable.</exception>
    public async Task<ModelRepository> OpenAsync(RepoId id, string revision, CancellationToken cancellationToken)
    {
        if (string.IsNullOrEmpty(id.Value))
            throw new ArgumentException("The repository must be named.", nameof(id));
        ArgumentException.ThrowIfNullOrEmpty(revision);
        var subject = new Subject(id, revision, Target.Repository);
        // Git allows no such name, and it must not become a path of the cache.
        if (revision.Length > MaxRevisionLength || !SafePath.IsSafe(revision))
            throw Explanations.Of(_options, subject, HubDiagnosis.RevisionNotFound);

        HubCache cache = HubCache.Create(_options, id);
        var access = new RepositoryAccess(_options, _urls, _transport, _whoAmI);
        try
        {
            return await OpenOnlineOrCachedAsync(access, cache, subject, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw Explanations.OfCache(_options, subject, failure);
        }
    }

    /// <summary>Asks who the token belongs to and what it may do. The Hub limits this call tightly: ask where a user wants to know, never on every load.</summary>
    /// <param name="repository">The repository whose token is meant; null for the token of requests that are about none.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <returns>The account; null when there is no token.</returns>
    /// <exception cref="HubException">TokenInvalid, TokenExpired, RateLimited, unreachable and its like.</exception>
    public Task<HubAccount?> WhoAmIAsync(RepoId? repository, CancellationToken cancellationToken) =>
        _whoAmI.RequireAsync(new Subject(repository ?? default, "main", Target.Repository), cancellationToken);

    /// <summary>Asks the Hub who the token belongs to that a repository gets. The Hub limits this call tightly: it belongs into diagnoses, not into loads.</summary>
    /// <returns>What was learned; null without a token, or in offline mode.</returns>
    public async Task<TokenReport?> DescribeTokenAsync(RepoId repository, CancellationToken cancellationToken)
    {
        if (_options.Offline || await _options.FindTokenAsync(repository, cancellationToken).ConfigureAwait(false) is not { } token)
            return null;
        TokenOwner owner = await _whoAmI.AskAsync(new Subject(repository, "main", Target.Repository), cancellationToken).ConfigureAwait(false);
        bool? accepted = owner.Proof switch { TokenProof.Rejected => false, TokenProof.Unknown => null, _ => true };
        return new TokenReport(token.Source, accepted, owner.Account?.Name, owner.Account?.Role, owner.Account?.CanReadGatedRepositories);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _invoker.Dispose();
        _whoAmI.Dispose();
    }

    private async Task<ModelRepository> OpenOnlineOrCachedAsync(RepositoryAccess access, HubCache cache, Subject subject, CancellationToken cancellationToken)
    {
        // A commit never changes, so its stored listing needs no network.
        if (Hex.IsCommit(subject.Revision) && cache.ReadTree(subject.Revision) is { } stored)
            return new ModelRepository(access, cache, subject, subject.Repository, subject.Revision, stored) { FromCacheOnly = true };
        try
        {
            return await OpenOnlineAsync(access, cache, subject, cancellationToken).ConfigureAwait(false);
        }
        catch (HubException failure) when (failure.Diagnosis == HubDiagnosis.OfflineMode || NetworkFailures.IsTransient(failure.Diagnosis))
        {
            if (OpenCached(access, cache, subject, failure) is { } cached)
                return cached;
            throw;
        }
    }

    private async Task<ModelRepository> OpenOnlineAsync(RepositoryAccess access, HubCache cache, Subject subject, CancellationToken cancellationToken)
    {
        RevisionInfo info = await RevisionListing.FindAsync(access, subject, cancellationToken).ConfigureAwait(false);
        if (!Hex.IsCommit(info.Sha))
            throw Explanations.NotTheHub(_options, subject, "the answer names no commit");
        // The listing of a disabled repository is still open; its files are not.
        if (info.Disabled.ValueKind == JsonValueKind.True)
            throw Explanations.Of(_options, subject, HubDiagnosis.RepoDisabled);
        RepoId id = RepoId.TryParse(info.Id, out RepoId canonical) ? canonical : subject.Repository;
        (List<RepositoryFile> files, bool masked, bool whole) = await TreeListing
            .ReadAsync(access, id, info.Sha!, subject with { Target = Target.Listing }, cancellationToken).ConfigureAwait(false);
        // Masked hashes mean that the files are closed to this caller; the access check tells why, before any weight moves.
        if (masked)
        {
            using HubAnswer open = await access
                .RequestAsync(new HubRequest(HttpMethod.Get, _urls.AccessCheck(id), subject with { Target = Target.Listing }), cancellationToken).ConfigureAwait(false);
        }
        return new ModelRepository(access, cache, subject, id, info.Sha!, files) { ListingIsComplete = !masked && whole, Card = RepositoryCard.Of(info) };
    }

    private static ModelRepository? OpenCached(RepositoryAccess access, HubCache cache, Subject subject, HubException failure)
    {
        if (cache.ReadRef(subject.Revision) is not { } commit)
            return null;
        List<RepositoryFile>? listing = cache.ReadTree(commit);
        if ((listing ?? cache.ReadSnapshot(commit)) is not { } files)
            return null;
        files.Sort((a, b) => string.CompareOrdinal(a.Path, b.Path));
        return new ModelRepository(access, cache, subject, subject.Repository, commit, files) { FromCacheOnly = true, MayHaveMoreFiles = listing is null, Unreachable = failure };
    }
}
