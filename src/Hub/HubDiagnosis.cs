namespace LlmService.Hub;

/// <summary>Why the Hub did not give what was asked for. The names are stable; programs may match on them.</summary>
public enum HubDiagnosis
{
    /// <summary>A signed content address kept being refused after it was renewed.</summary>
    SignedUrlExpired,
    /// <summary>What answered is not the Hub: a portal, a proxy page, or a wrong endpoint.</summary>
    NotTheHub,
    /// <summary>Gated, and no token was sent.</summary>
    GatedNeedsLogin,
    /// <summary>Gated; the token is valid but was not accepted here.</summary>
    GatedOtherAccount,
    /// <summary>Gated, and it could not be learned whether the token is valid.</summary>
    GatedOrTokenInvalid,
    /// <summary>Gated; the request for access waits for the owner.</summary>
    GatedPending,
    /// <summary>Gated; the owner rejected the request.</summary>
    GatedRejected,
    /// <summary>Gated; the owner reset the request.</summary>
    GatedReset,
    /// <summary>Gated; this account never asked for access.</summary>
    GatedNotRequested,
    /// <summary>The token is invalid or revoked.</summary>
    TokenInvalid,
    /// <summary>The token has expired.</summary>
    TokenExpired,
    /// <summary>A fine-grained token without read access to public gated repositories.</summary>
    TokenLacksGatedPermission,
    /// <summary>A fine-grained token whose scopes do not cover the repository.</summary>
    TokenLacksScope,
    /// <summary>A policy of the organization refuses the token.</summary>
    OrgTokenPolicy,
    /// <summary>The Hub disabled the repository.</summary>
    RepoDisabled,
    /// <summary>The repository is closed to this region.</summary>
    RegionBlocked,
    /// <summary>Another refusal.</summary>
    Forbidden,
    /// <summary>Missing, or private and no token was sent.</summary>
    NotFoundOrPrivate,
    /// <summary>Missing, or private and not visible to this account.</summary>
    NotFoundForAccount,
    /// <summary>The branch, tag or commit does not exist.</summary>
    RevisionNotFound,
    /// <summary>The file does not exist in the repository.</summary>
    EntryNotFound,
    /// <summary>A 404 without a code.</summary>
    NotFound,
    /// <summary>The endpoint does not know this call; mirrors often lack some.</summary>
    EndpointUnsupported,
    /// <summary>Too many requests.</summary>
    RateLimited,
    /// <summary>The Hub is in trouble (5xx), also after retries.</summary>
    HubUnavailable,
    /// <summary>The host name does not resolve or the network is down.</summary>
    Offline,
    /// <summary>The host refuses or does not answer.</summary>
    Blocked,
    /// <summary>The TLS certificate is not trusted.</summary>
    TlsUntrusted,
    /// <summary>The proxy wants credentials.</summary>
    ProxyAuth,
    /// <summary>The offline switch is on and the cache does not have it.</summary>
    OfflineMode,
    /// <summary>What arrived does not have the promised hash or size, also after retries.</summary>
    CorruptDownload,
    /// <summary>The disk is full.</summary>
    DiskFull,
    /// <summary>A login in the browser was declined.</summary>
    LoginDenied,
    /// <summary>A login in the browser took too long, or has ended and cannot be renewed.</summary>
    LoginExpired,
    /// <summary>A bundle is damaged, was changed, or holds what its manifest does not name.</summary>
    BadBundle,
    /// <summary>The cache folder cannot be read or written.</summary>
    CacheUnusable,
}
