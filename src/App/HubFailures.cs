using LlmService.Hub;

namespace LlmService.App;

/// <summary>The part of the table for the Hub's refusals: the code of each diagnosis. The words are the Hub's own table.</summary>
internal static class HubFailures
{
    /// <summary>The code that a diagnosis belongs to.</summary>
    public static FailureCode CodeOf(HubDiagnosis diagnosis) => diagnosis switch
    {
        HubDiagnosis.TokenInvalid or HubDiagnosis.TokenExpired or HubDiagnosis.LoginDenied or HubDiagnosis.LoginExpired => FailureCode.Unauthorized,
        HubDiagnosis.GatedNeedsLogin or HubDiagnosis.GatedOtherAccount or HubDiagnosis.GatedOrTokenInvalid or HubDiagnosis.GatedPending
            or HubDiagnosis.GatedRejected or HubDiagnosis.GatedReset or HubDiagnosis.GatedNotRequested => FailureCode.Gated,
        HubDiagnosis.TokenLacksGatedPermission or HubDiagnosis.TokenLacksScope or HubDiagnosis.OrgTokenPolicy or HubDiagnosis.RepoDisabled
            or HubDiagnosis.RegionBlocked or HubDiagnosis.Forbidden or HubDiagnosis.CacheUnusable => FailureCode.Forbidden,
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
    public static Failure From(HubException e) => new(CodeOf(e.Diagnosis), e.Message, e.Remedy, e.Diagnosis.ToString(), RetryAfter: e.RetryAfter);
}
