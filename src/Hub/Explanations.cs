namespace LlmService.Hub;

/// <summary>The sentences of the exceptions: what happened, why it is not its neighbour, what to do.</summary>
internal static class Explanations
{
    public static HubException Refused(HubOptions options, Subject subject, HubDiagnosis diagnosis, Refusal refusal, string? account) =>
        new(diagnosis, Sentence(options, subject, diagnosis, account, refusal.Token) + Quote(refusal))
        {
            Repository = subject.Repository.Value,
            Revision = subject.Revision,
            File = subject.File,
            Endpoint = Endpoint(options),
            TokenSource = refusal.Token?.Source,
            Hint = refusal.TokenSent ? null : options.TokenHint,
            Account = account,
            ServerMessage = refusal.Message.Length == 0 ? null : refusal.Message,
            Status = refusal.Status,
            RequestId = refusal.RequestId,
            RetryAfter = refusal.RetryAfter,
        };

    public static HubException Unreachable(HubOptions options, Subject subject, HubDiagnosis diagnosis, Exception inner) =>
        Create(options, subject, diagnosis, Sentence(options, subject, diagnosis, null), inner);

    public static HubException Offline(HubOptions options, Subject subject) =>
        Create(options, subject, HubDiagnosis.OfflineMode, Sentence(options, subject, HubDiagnosis.OfflineMode, null));

    public static HubException BadRedirect(HubOptions options, Subject subject, string reason) =>
        Create(options, subject, HubDiagnosis.NotTheHub, $"{Sentence(options, subject, HubDiagnosis.NotTheHub, null)} ({reason})");

    public static HubException NotTheHub(HubOptions options, Subject subject, string reason, Exception? inner = null) =>
        Create(options, subject, HubDiagnosis.NotTheHub, $"{Sentence(options, subject, HubDiagnosis.NotTheHub, null)} ({reason})", inner);

    public static HubException Of(HubOptions options, Subject subject, HubDiagnosis diagnosis, string? detail = null, Exception? inner = null) =>
        Create(options, subject, diagnosis, Sentence(options, subject, diagnosis, null) + (detail is null ? "" : $" ({detail})"), inner);

    /// <summary>The cache folder does not do what it must: full, closed to this user, or not a folder.</summary>
    public static HubException OfCache(HubOptions options, Subject subject, Exception inner)
    {
        if (inner is IOException io && NetworkFailures.IsDiskFull(io))
            return Of(options, subject, HubDiagnosis.DiskFull, inner: inner);
        string message = $"The cache folder '{options.CacheFolder}' cannot be used for '{subject.Repository}': {inner.Message} "
            + "The Hub and the token are not the reason. Make the folder writable, or choose another.";
        return Create(options, subject, HubDiagnosis.Forbidden, message, inner);
    }

    /// <summary>The same failure, met again while looking for something else.</summary>
    public static HubException Again(HubOptions options, Subject subject, HubException first) =>
        new(first.Diagnosis, Sentence(options, subject, first.Diagnosis, first.Account), first)
        {
            Repository = subject.Repository.Value,
            Revision = subject.Revision,
            File = subject.File,
            Endpoint = first.Endpoint,
            TokenSource = first.TokenSource,
            Account = first.Account,
            ServerMessage = first.ServerMessage,
            Status = first.Status,
            RequestId = first.RequestId,
            RetryAfter = first.RetryAfter,
        };

    private static HubException Create(HubOptions options, Subject subject, HubDiagnosis diagnosis, string message, Exception? inner = null) =>
        new(diagnosis, message, inner)
        {
            Repository = subject.Repository.Value,
            Revision = subject.Revision,
            File = subject.File,
            Endpoint = Endpoint(options),
        };

    private static string Endpoint(HubOptions options) => options.Endpoint.GetLeftPart(UriPartial.Path).TrimEnd('/');

    private static string Quote(Refusal refusal) => refusal.Message.Length == 0 ? "" : $" The Hub says: {refusal.Message}";

    private static string Sentence(HubOptions options, Subject subject, HubDiagnosis diagnosis, string? account, HubToken? sent = null)
    {
        string what = subject.File is null ? $"'{subject.Repository}'" : $"'{subject.File}' of '{subject.Repository}'";
        string page = $"{Endpoint(options)}/{subject.Repository}";
        string settings = $"{Endpoint(options)}/settings/tokens";
        string token = sent is null ? "the token" : $"the {sent}";
        string host = options.Endpoint.Authority;
        string spelling = subject.Repository.IsBare ? "Check the spelling; ids have the form owner/name." : "Check the spelling.";
        string who = account is null ? "your account" : $"account '{account}'";
        return diagnosis switch
        {
            HubDiagnosis.SignedUrlExpired => $"The download address of {what} kept being refused after it was renewed. Your access is fine; check the computer's clock, and proxies that change requests.",
            HubDiagnosis.NotTheHub => $"What answered at '{host}' is not the Hub: perhaps a log-in page of the network, a proxy, or a wrong endpoint.",
            HubDiagnosis.GatedNeedsLogin => $"The model '{subject.Repository}' exists but is gated, and no token was sent. Ask for access at {page}, then set a token.",
            HubDiagnosis.GatedOtherAccount => $"The model '{subject.Repository}' is gated, and {token} is valid but was not accepted at {Endpoint(options)}. Check the endpoint, and proxies that remove headers.",
            HubDiagnosis.GatedOrTokenInvalid => $"The model '{subject.Repository}' is gated, and either {token} is invalid or its account has no access. Check the token at {settings} and your access at {page}.",
            HubDiagnosis.GatedPending => $"The model '{subject.Repository}' is gated, and your request for access waits for its owner. Wait, or use another model.",
            HubDiagnosis.GatedRejected => $"The model '{subject.Repository}' is gated, and its owner rejected your request for access. Only the owner can change that.",
            HubDiagnosis.GatedReset => $"The model '{subject.Repository}' is gated, and its owner reset your access. Ask again at {page}.",
            HubDiagnosis.GatedNotRequested => $"The model '{subject.Repository}' is gated, and {who} has not been given access. Open {page}, accept the conditions as the token's account, and try again.",
            HubDiagnosis.TokenInvalid => $"The Hub does not accept {token}: it is invalid or revoked. Whether you have access to {what} cannot be told before it is replaced there; make one at {settings}.",
            HubDiagnosis.TokenExpired => $"The Hub does not accept {token}: it has expired. Replace it there; make one at {settings}.",
            HubDiagnosis.TokenLacksGatedPermission => $"The {Of(token)} is fine-grained and may not read gated repositories. At {settings} tick read access to public gated repositories, or use a token of the role 'read'.",
            HubDiagnosis.TokenLacksScope => $"The {Of(token)} is fine-grained and does not cover '{subject.Repository}'. Add the repository to it at {settings}.",
            HubDiagnosis.OrgTokenPolicy => $"A policy of the organization refuses {token} for '{subject.Repository}'. Ask its administrator.",
            HubDiagnosis.RepoDisabled => $"The Hub has disabled '{subject.Repository}'. No token helps; use another model.",
            HubDiagnosis.RegionBlocked => $"'{subject.Repository}' is closed to this region. No token helps.",
            HubDiagnosis.Forbidden => $"The Hub refuses {what} to this caller.",
            HubDiagnosis.NotFoundOrPrivate => $"'{subject.Repository}' does not exist, or it is private and no token was sent. {spelling} If it is private, set a token.",
            HubDiagnosis.NotFoundForAccount => $"'{subject.Repository}' does not exist, or it is private and {who} (by {token}) cannot see it. {spelling}",
            HubDiagnosis.RevisionNotFound => $"'{subject.Repository}' has no branch, tag or commit '{subject.Revision}'.",
            HubDiagnosis.EntryNotFound => $"'{subject.Repository}' at '{subject.Revision}' has no file '{subject.File}'.",
            HubDiagnosis.NotFound => $"The endpoint {Endpoint(options)} does not know {what}. {spelling}",
            HubDiagnosis.EndpointUnsupported => $"The endpoint {Endpoint(options)} does not answer this call for {what}; mirrors often lack some.",
            HubDiagnosis.RateLimited => $"Too many requests to {host}. Wait{(sent is null ? ", or set a token for a larger quota" : "")}.",
            HubDiagnosis.HubUnavailable => $"The Hub at {host} is in trouble and did not give {what}. Try again later.",
            HubDiagnosis.Offline => $"The host '{options.Endpoint.Host}' could not be found: the network is down or the name is wrong.",
            HubDiagnosis.Blocked => $"The host '{host}' refuses connections or does not answer. Check the firewall, the proxy and the endpoint.",
            HubDiagnosis.TlsUntrusted => $"The TLS certificate of '{host}' is not trusted. A proxy that inspects TLS needs its certificate authority installed.",
            HubDiagnosis.ProxyAuth => "The proxy wants credentials.",
            HubDiagnosis.OfflineMode => $"The offline switch is on, and {what} at '{subject.Revision}' is not in the cache.",
            HubDiagnosis.CorruptDownload => $"What arrived for {what} does not have the promised size or hash, also after a new try. Nothing was stored.",
            HubDiagnosis.DiskFull => $"The disk of the cache is too full for {what}.",
            HubDiagnosis.LoginDenied => "The login in the browser was declined.",
            HubDiagnosis.LoginExpired => "The login in the browser has ended. Log in again.",
            _ => throw new ArgumentOutOfRangeException(nameof(diagnosis), diagnosis, "unknown diagnosis"),
        };

        static string Of(string token) => token.StartsWith("the ", StringComparison.Ordinal) ? token[4..] : token;
    }
}
