using LlmService.Hub;

namespace LlmService.App;

/// <summary>The part of the table that explains the Hub's refusals.</summary>
internal static class HubFailures
{
    /// <summary>The code that a diagnosis belongs to.</summary>
    public static FailureCode CodeOf(HubDiagnosis diagnosis) => diagnosis switch
    {
        HubDiagnosis.TokenInvalid or HubDiagnosis.TokenExpired or HubDiagnosis.LoginDenied or HubDiagnosis.LoginExpired => FailureCode.Unauthorized,
        HubDiagnosis.GatedNeedsLogin or HubDiagnosis.GatedOtherAccount or HubDiagnosis.GatedOrTokenInvalid or HubDiagnosis.GatedPending
            or HubDiagnosis.GatedRejected or HubDiagnosis.GatedReset or HubDiagnosis.GatedNotRequested => FailureCode.Gated,
        HubDiagnosis.TokenLacksGatedPermission or HubDiagnosis.TokenLacksScope or HubDiagnosis.OrgTokenPolicy or HubDiagnosis.RepoDisabled
            or HubDiagnosis.RegionBlocked or HubDiagnosis.Forbidden => FailureCode.Forbidden,
        HubDiagnosis.NotFoundOrPrivate or HubDiagnosis.NotFoundForAccount or HubDiagnosis.RevisionNotFound or HubDiagnosis.NotFound => FailureCode.ModelNotFound,
        HubDiagnosis.EntryNotFound => FailureCode.NoUsableWeights,
        HubDiagnosis.RateLimited => FailureCode.RateLimited,
        HubDiagnosis.NotTheHub or HubDiagnosis.HubUnavailable or HubDiagnosis.Offline or HubDiagnosis.Blocked or HubDiagnosis.TlsUntrusted
            or HubDiagnosis.ProxyAuth or HubDiagnosis.SignedUrlExpired or HubDiagnosis.EndpointUnsupported or HubDiagnosis.OfflineMode => FailureCode.HubUnreachable,
        HubDiagnosis.CorruptDownload or HubDiagnosis.BadBundle => FailureCode.CorruptModel,
        HubDiagnosis.DiskFull => FailureCode.DiskFull,
        _ => throw new InvalidOperationException($"unknown diagnosis {diagnosis}"),
    };

    /// <summary>What the user is told.</summary>
    public static Failure From(HubException e)
    {
        // The cache folder's own refusal: the Hub and the token have no part in it.
        if (e.InnerException is IOException or UnauthorizedAccessException && e.Diagnosis == HubDiagnosis.Forbidden)
            return new(FailureCode.Forbidden, e.Message, "Check the permissions of the cache folder, or choose another with HF_HOME.");
        string model = e.Repository ?? "the model";
        string token = e.TokenSource is null ? "the token" : $"the token from {e.TokenSource}";
        string page = $"{e.Endpoint ?? "https://huggingface.co"}/{e.Repository}";
        (string message, string? remedy) = e.Diagnosis switch
        {
            HubDiagnosis.TokenInvalid => ($"Unauthorized: the Hub does not accept {token}.{Unasked(e)}",
                "Replace the token where it is set. A public model needs no token at all."),
            HubDiagnosis.TokenExpired => ($"Unauthorized: {token} has expired.{Unasked(e)}",
                "Make a new token and replace the old one where it is set."),
            HubDiagnosis.GatedNeedsLogin => ($"'{model}' is gated: it exists, but the Hub gives it only to accounts that were granted access, and no token is configured.",
                $"Ask for access at {page}, then set HF_TOKEN to a token of that account."),
            HubDiagnosis.GatedOtherAccount => ($"'{model}' is gated, and {token}{Account(e)} is valid but was not accepted for it.",
                $"Check the endpoint ({e.Endpoint}) and that no proxy strips the Authorization header."),
            HubDiagnosis.GatedOrTokenInvalid => ($"'{model}' is gated, and the Hub accepted neither {token} nor said why: the token may be invalid, or access may be missing.",
                $"Check the token, and the state of your request at {page}."),
            HubDiagnosis.GatedPending => ($"'{model}' is gated, and your request for access waits for its owner{Account(e)}. The token is fine.",
                $"Wait for the owner's decision; the state is shown at {page}."),
            HubDiagnosis.GatedRejected => ($"'{model}' is gated, and its owner rejected the request for access{Account(e)}. Another token of the same account changes nothing.",
                "Only the owner can change this; choose another model."),
            HubDiagnosis.GatedReset => ($"'{model}' is gated, and its owner reset the requests for access{Account(e)}.", $"Ask again at {page}."),
            HubDiagnosis.GatedNotRequested => ($"'{model}' is gated, and the account of {token}{Account(e)} has not been granted access. The token itself is fine.",
                $"Open {page} with that account, accept the conditions, then try again. Access belongs to a user, not to an organization."),
            HubDiagnosis.TokenLacksGatedPermission => ($"{Capital(token)} is fine-grained and may not read gated repositories, so '{model}' is closed to it.",
                "Edit the token and tick read access to public gated repositories, or use a token with the role 'read'."),
            HubDiagnosis.TokenLacksScope => ($"{Capital(token)} is fine-grained and its scopes do not cover '{model}'.", $"Add '{model}' to the token's scopes."),
            HubDiagnosis.OrgTokenPolicy => ($"A policy of the organization refuses {token} for '{model}'.", "Ask the organization's administrator."),
            HubDiagnosis.RepoDisabled => ($"The Hub has disabled '{model}'. No token opens it.", "Choose another model."),
            HubDiagnosis.RegionBlocked => ($"'{model}' is not offered in your region. No token opens it.", "Choose another model."),
            HubDiagnosis.Forbidden => ($"The Hub refuses '{model}' to {token}.", "Check the token's role and scopes."),
            HubDiagnosis.NotFoundOrPrivate => ($"Model not found: '{model}' does not exist or is private (the Hub does not tell anonymous callers which).",
                BareHint(e) + "Check the spelling. If it is private, set HF_TOKEN to a token that may read it."),
            HubDiagnosis.NotFoundForAccount => ($"Model not found: '{model}' does not exist, or it is private and not visible with {token}{Account(e)}. The token itself is valid.",
                BareHint(e) + "Check the spelling. If it is private, use a token of an account that may read it; fine-grained tokens hide what is out of their scope."),
            HubDiagnosis.RevisionNotFound => ($"Model not found: '{model}' exists, but has no revision '{e.Revision}'.", $"See the branches and tags at {page}/tree/main."),
            HubDiagnosis.NotFound => ($"Model not found: {e.Endpoint ?? "the Hub"} does not know '{model}'.",
                BareHint(e) + "Check the spelling, and the endpoint if HF_ENDPOINT is set."),
            HubDiagnosis.EntryNotFound => ($"'{model}' has no file '{e.File}', which the load needs. The model exists, and the token is not the reason.",
                "Choose a model that has it; see which models run in the documentation."),
            HubDiagnosis.RateLimited => ($"The Hub limits the rate of requests{(e.RetryAfter is { } wait ? $"; it opens again in {Math.Ceiling(wait.TotalSeconds)} s" : "")}.",
                e.TokenSource is null ? "Set HF_TOKEN: with an account the quota is larger." : "Wait, then try again."),
            HubDiagnosis.NotTheHub => ($"What answers at {e.Endpoint} is not the Hub: a log-in page of a network, a proxy, or a wrong HF_ENDPOINT.",
                "Open the address in a browser, and check HF_ENDPOINT and the proxy."),
            HubDiagnosis.HubUnavailable => ($"The Hub at {e.Endpoint} is in trouble (HTTP {e.Status}). Neither the name nor the token is the reason.", "Try again later."),
            HubDiagnosis.Offline => ($"{e.Endpoint} could not be found: the name does not resolve, or there is no network.",
                "Check the network. A model that was downloaded before loads without it."),
            HubDiagnosis.Blocked => ($"{e.Endpoint} does not answer: the connection was refused or timed out.", "Check the firewall and the proxy."),
            HubDiagnosis.TlsUntrusted => ($"The TLS certificate of {e.Endpoint} is not trusted.", "If a company proxy inspects traffic, add its certificate authority (SSL_CERT_FILE)."),
            HubDiagnosis.ProxyAuth => ("The proxy asks for a user name and password.", "Put them into HTTPS_PROXY."),
            HubDiagnosis.SignedUrlExpired => ("The storage behind the Hub kept refusing its own signed addresses.", "Check this machine's clock, and that no proxy rewrites requests."),
            HubDiagnosis.EndpointUnsupported => ($"{e.Endpoint} does not know this call; mirrors lack some.", "Unset HF_ENDPOINT to ask the Hub itself."),
            HubDiagnosis.OfflineMode => ($"'{model}' is not (completely) in the cache, and the offline switch HF_HUB_OFFLINE is on.", "Unset HF_HUB_OFFLINE once to download it."),
            HubDiagnosis.CorruptDownload => ($"'{e.File}' of '{model}' arrived damaged, also when tried again: size or hash is not what the Hub promised.",
                "Try again; if it stays, a proxy changes the content."),
            HubDiagnosis.DiskFull => ($"The disk is full; '{e.File ?? model}' does not fit.", "Free space, or move the cache with HF_HOME."),
            HubDiagnosis.LoginDenied => ("The login in the browser was declined.", "Log in again (llm-service auth login), and agree in the browser."),
            HubDiagnosis.LoginExpired => ("The login in the browser took too long, or has ended and cannot be renewed.", "Log in again: llm-service auth login."),
            HubDiagnosis.BadBundle => (e.Message, "Take the bundle again from where it was made, and compare its SHA-256. If it cannot be made there, run 'verify' and 'pull' there."),
            _ => throw new InvalidOperationException($"unknown diagnosis {e.Diagnosis}"),
        };
        if (e.Hint is { } hint)
            remedy = $"{remedy} {hint}";
        if (e.ServerMessage is { Length: > 0 } said)
            message += $" The Hub said: \"{said}\".";
        return new(CodeOf(e.Diagnosis), message, remedy, e.Diagnosis.ToString(), RetryAfter: e.RetryAfter);
    }

    private static string Unasked(HubException e) => e.Repository is null ? "" : $" Whether '{e.Repository}' exists could not be asked.";

    private static string Account(HubException e) => e.Account is null ? "" : $" (account '{e.Account}')";

    private static string Capital(string text) => char.ToUpperInvariant(text[0]) + text[1..];

    private static string BareHint(HubException e) =>
        e.Repository is { } id && !id.Contains('/', StringComparison.Ordinal) ? "Ids of the Hub are 'owner/name'. " : "";
}
