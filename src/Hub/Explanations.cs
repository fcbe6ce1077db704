using System.Globalization;

namespace LlmService.Hub;

/// <summary>What is told of a diagnosis.</summary>
/// <param name="Message">What happened, and why it is not one of its neighbours.</param>
/// <param name="Remedy">What to do, with the page to open.</param>
internal sealed record Explanation(string Message, string Remedy);

/// <summary>The one table from a diagnosis and its facts to what the user is told; and the ways to fill in the facts.</summary>
internal static class Explanations
{
    private const int MaxListed = 10;

    /// <summary>The row of a diagnosis.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is none.</exception>
    public static Explanation Find(HubDiagnosis diagnosis, HubFacts facts)
    {
        (string message, string remedy) = Row(diagnosis, facts);
        if (facts.Detail is { Length: > 0 } detail && diagnosis != HubDiagnosis.BadBundle)
            message += $" ({detail})";
        if (facts.ServerMessage is { Length: > 0 } said)
            message += $" The Hub said: \"{said}\".";
        if (facts.Hint is { Length: > 0 } hint)
            remedy += $" {hint}";
        return new Explanation(message, remedy);
    }

    public static HubException Refused(HubOptions options, Subject subject, HubDiagnosis diagnosis, Refusal refusal, string? account) =>
        new(diagnosis, Facts(options, subject) with
        {
            TokenSource = refusal.Token?.Source,
            Hint = refusal.TokenSent ? null : options.TokenHint,
            Account = account,
            Detail = refusal.Page,
            ServerMessage = refusal.Message.Length == 0 ? null : refusal.Message,
            Status = refusal.Status,
            RequestId = refusal.RequestId,
            RetryAfter = refusal.RetryAfter,
        });

    public static HubException Unreachable(HubOptions options, Subject subject, HubDiagnosis diagnosis, Exception inner) =>
        Of(options, subject, diagnosis, inner: inner);

    /// <summary>A host that the endpoint sent us to is at fault.</summary>
    public static HubException OfHost(HubOptions options, Subject subject, HubDiagnosis diagnosis, Uri host, string? detail, Exception? inner = null) =>
        new(diagnosis, Facts(options, subject) with { Host = new TrustedOrigins(options.Endpoint).IsHub(host) ? null : TrustedOrigins.Origin(host), Detail = detail }, inner);

    public static HubException Offline(HubOptions options, Subject subject) => Of(options, subject, HubDiagnosis.OfflineMode);

    public static HubException BadRedirect(HubOptions options, Subject subject, string reason) => NotTheHub(options, subject, reason);

    public static HubException NotTheHub(HubOptions options, Subject subject, string reason, Exception? inner = null) =>
        Of(options, subject, HubDiagnosis.NotTheHub, reason, inner);

    public static HubException Of(HubOptions options, Subject subject, HubDiagnosis diagnosis, string? detail = null, Exception? inner = null) =>
        new(diagnosis, Facts(options, subject) with { Detail = detail }, inner);

    /// <summary>The cache folder does not do what it must: full, closed to this user, or not a folder.</summary>
    public static HubException OfCache(HubOptions options, Subject subject, Exception inner)
    {
        bool full = inner is IOException io && NetworkFailures.IsDiskFull(io);
        HubFacts facts = Facts(options, subject) with { CacheFolder = options.CacheFolder, Detail = full ? null : inner.Message };
        return new HubException(full ? HubDiagnosis.DiskFull : HubDiagnosis.CacheUnusable, facts, inner);
    }

    /// <summary>The same failure, met again while looking for something else.</summary>
    public static HubException Again(HubOptions options, Subject subject, HubException first) =>
        first.With(facts => facts with { Repository = subject.Repository.Value, Revision = subject.Revision, File = subject.File });

    private static HubFacts Facts(HubOptions options, Subject subject) => new()
    {
        Repository = subject.Repository.Value,
        Revision = subject.Revision,
        File = subject.File,
        Endpoint = options.Endpoint.GetLeftPart(UriPartial.Path).TrimEnd('/'),
    };

    private static (string Message, string Remedy) Row(HubDiagnosis diagnosis, HubFacts facts)
    {
        string model = facts.Repository is null ? "the model" : $"'{facts.Repository}'";
        string what = facts.File is null ? model : $"'{facts.File}' of {model}";
        string endpoint = facts.Endpoint ?? "https://huggingface.co";
        string host = facts.Host ?? endpoint;
        string firewall = facts.Host is null ? ""
            : " The Hub sends files from hosts of their own (such as us.aws.cdn.hf.co, cas-bridge.xethub.hf.co, cdn-lfs-us-1.hf.co); the firewall and the proxy must let them through.";
        string page = $"{endpoint}/{facts.Repository}";
        string tokens = $"{endpoint}/settings/tokens";
        string token = facts.TokenSource is null ? "the token" : $"the token from {facts.TokenSource}";
        string where = facts.TokenSource is null ? "where it is set" : $"where it is set ({facts.TokenSource})";
        string account = facts.Account is null ? "" : $" (account '{facts.Account}')";
        string spelling = facts.Repository?.Contains('/', StringComparison.Ordinal) == false
            ? "Check the spelling; ids of the Hub are 'owner/name'." : "Check the spelling.";
        return diagnosis switch
        {
            HubDiagnosis.TokenInvalid => ($"Unauthorized: the Hub does not accept {token}; it is invalid, expired or revoked. Whether {model} is open to you cannot be told before it is replaced.",
                $"Make a new token at {tokens} and replace the old one {where}. A public model needs no token at all."),
            HubDiagnosis.TokenExpired => ($"Unauthorized: {token} has expired. Whether {model} is open to you cannot be told before it is replaced.",
                $"Make a new token at {tokens} and replace the old one {where}. A public model needs no token at all."),
            HubDiagnosis.GatedNeedsLogin => ($"{model} is gated: it exists, but the Hub gives it only to accounts that were granted access, and no token was sent.",
                $"Ask for access at {page}, then set HF_TOKEN to a token of that account, made at {tokens}."),
            HubDiagnosis.GatedOtherAccount => ($"{model} is gated, and {token}{account} is valid but was not accepted for it.",
                $"Check the endpoint ({endpoint}) and that no proxy strips the Authorization header; the state of the access is shown at {page}."),
            HubDiagnosis.GatedOrTokenInvalid => ($"{model} is gated, and the Hub neither accepted {token} nor said why: the token may be invalid, or access may be missing.",
                $"Check the token at {tokens}, and the state of your request at {page}."),
            HubDiagnosis.GatedPending => ($"{model} is gated, and your request for access waits for its owner{account}. The token is fine.",
                $"Wait for the owner's decision; the state is shown at {page}."),
            HubDiagnosis.GatedRejected => ($"{model} is gated, and its owner rejected the request for access{account}. Another token of the same account changes nothing.",
                $"Only the owner can change this, by {page}; otherwise choose another model."),
            HubDiagnosis.GatedReset => ($"{model} is gated, and its owner reset the requests for access{account}. The token is fine.", $"Ask again at {page}."),
            HubDiagnosis.GatedNotRequested => ($"{model} is gated, and the account of {token}{account} has not been granted access. The token itself is fine.",
                $"Open {page} with that account, accept the conditions, then try again. Access belongs to a user, not to an organization."),
            HubDiagnosis.TokenLacksGatedPermission => ($"{Capital(token)} is fine-grained and may not read gated repositories, so {model} is closed to it.",
                $"Edit the token at {tokens} and tick read access to public gated repositories, or use a token with the role 'read'."),
            HubDiagnosis.TokenLacksScope => ($"{Capital(token)} is fine-grained and its scopes do not cover {model}.", $"Add {model} to the token's scopes at {tokens}."),
            HubDiagnosis.OrgTokenPolicy => ($"A policy of the organization refuses {token} for {model}.",
                $"Ask the organization's administrator to approve the token, or use one of the kind that the policy allows ({tokens})."),
            HubDiagnosis.RepoDisabled => ($"The Hub has disabled {model}. No token opens it.", $"Choose another model; {page} may say why."),
            HubDiagnosis.RegionBlocked => ($"{model} is not offered in your region. No token opens it.", $"Choose another model; {page} has the conditions."),
            HubDiagnosis.Forbidden => ($"The Hub refuses {what} to {(facts.TokenSource is null ? "callers without a token" : token)}.", $"Check the token's role and scopes at {tokens}."),
            HubDiagnosis.NotFoundOrPrivate => ($"Model not found: {model} does not exist or is private (the Hub does not tell anonymous callers which).",
                $"{spelling} If it is private, set HF_TOKEN to a token that may read it, made at {tokens}."),
            HubDiagnosis.NotFoundForAccount => ($"Model not found: {model} does not exist, or it is private and not visible with {token}{account}. The token itself was not refused.",
                $"{spelling} If it is private, use a token of an account that may read it; fine-grained tokens hide what is out of their scope ({tokens})."),
            HubDiagnosis.RevisionNotFound => ($"Model not found: {model} exists, but has no revision '{facts.Revision}'.{Revisions(facts)}", $"See the branches and tags at {page}/tree/main."),
            HubDiagnosis.NotFound => ($"Model not found: {endpoint} does not know {model}.", $"{spelling} Check the endpoint too if HF_ENDPOINT is set."),
            HubDiagnosis.EntryNotFound => ($"{model} has no file '{facts.File}', which the load needs. The model exists, and the token is not the reason.",
                $"Choose a model that has it; the files are listed at {page}/tree/main."),
            HubDiagnosis.RateLimited => ($"The Hub limits the rate of requests{(facts.RetryAfter is { } wait ? string.Create(CultureInfo.InvariantCulture, $"; it opens again in {Math.Ceiling(wait.TotalSeconds)} s") : "")}.",
                facts.TokenSource is null ? $"Wait, or set HF_TOKEN: with an account the quota is larger ({tokens})." : "Wait, then try again."),
            HubDiagnosis.NotTheHub when facts.Host is not null => ($"What answers at {host} is not the storage of the Hub but a page of a network, a proxy or a firewall.",
                $"Open {host} in a browser, and check the proxy.{firewall}"),
            HubDiagnosis.NotTheHub => ($"What answers at {endpoint} is not the Hub: a log-in page of a network, a proxy, or a wrong HF_ENDPOINT.",
                $"Open {endpoint} in a browser, and check HF_ENDPOINT and the proxy."),
            HubDiagnosis.HubUnavailable when facts.Host is not null => ($"The storage of the Hub at {host} is in trouble and did not give {what}. Neither the name nor the token is the reason.",
                $"Try again later.{firewall}"),
            HubDiagnosis.HubUnavailable => ($"The Hub at {endpoint} is in trouble{(facts.Status is { } status ? $" (HTTP {status})" : "")} and did not give {what}. Neither the name nor the token is the reason.",
                "Try again later; https://status.huggingface.co has the state of the Hub."),
            HubDiagnosis.Offline => ($"{host} could not be found: the name does not resolve, or there is no network.",
                $"Check the network. A model that was downloaded before loads without it.{firewall}"),
            HubDiagnosis.Blocked when facts.Host is not null => ($"{host}, from which the Hub sends {what}, does not answer: the connection was refused or timed out.",
                $"Check the firewall and the proxy.{firewall}"),
            HubDiagnosis.Blocked => ($"{endpoint} does not answer: the connection was refused or timed out.", $"Check the firewall, the proxy and HF_ENDPOINT; {endpoint} must open in a browser."),
            HubDiagnosis.TlsUntrusted => ($"The TLS certificate of {host} is not trusted.", "If a company proxy inspects traffic, add its certificate authority (SSL_CERT_FILE)."),
            HubDiagnosis.ProxyAuth => ("The proxy asks for a user name and password.", "Put them into HTTPS_PROXY."),
            HubDiagnosis.SignedUrlExpired => ($"The storage behind the Hub kept refusing its own signed address of {what}. Your access is fine.",
                "Check this machine's clock, and that no proxy rewrites requests."),
            HubDiagnosis.EndpointUnsupported => ($"{endpoint} does not answer this call for {what}; mirrors lack some.", "Unset HF_ENDPOINT to ask the Hub itself."),
            HubDiagnosis.OfflineMode => ($"{what} is not (completely) in the cache, and the offline switch HF_HUB_OFFLINE is on.", "Unset HF_HUB_OFFLINE once to download it."),
            HubDiagnosis.CorruptDownload => ($"{what} is not what the Hub's listing promises: its size or hash differs. Nothing was stored.",
                "Try again; if it stays, a proxy changes the content."),
            HubDiagnosis.DiskFull => ($"The disk of the cache is too full for {what}.", "Free space, or move the cache with HF_HOME."),
            HubDiagnosis.CacheUnusable => ($"The cache folder '{facts.CacheFolder}' cannot be used for {model}. The Hub and the token are not the reason.",
                "Make the folder writable, or choose another with HF_HOME."),
            HubDiagnosis.LoginDenied => ("The login in the browser was declined.", "Log in again (llm-service auth login), and agree in the browser."),
            HubDiagnosis.LoginExpired => ("The login in the browser took too long, or has ended and cannot be renewed.", "Log in again: llm-service auth login."),
            HubDiagnosis.BadBundle => (facts.Detail ?? $"The bundle '{facts.File}' is refused. Nothing was installed.",
                "Take the bundle again from where it was made, and compare its SHA-256. If it cannot be made there, run 'verify' and 'pull' there."),
            _ => throw new ArgumentOutOfRangeException(nameof(diagnosis), diagnosis, "unknown diagnosis"),
        };
    }

    private static string Revisions(HubFacts facts) => facts.Revisions.Count == 0 ? ""
        : $" It has {string.Join(", ", facts.Revisions.Take(MaxListed).Select(name => $"'{name}'"))}{(facts.Revisions.Count > MaxListed ? " and others" : "")}.";

    private static string Capital(string text) => char.ToUpperInvariant(text[0]) + text[1..];
}
