namespace LlmService.Hub;

/// <summary>What whoami said about the token.</summary>
internal enum TokenProof
{
    Unknown,
    Valid,
    ValidFineGrained,
    Rejected,
}

/// <summary>The decision table from an answer to its diagnosis. The first row that fits wins.</summary>
internal static class RefusalTable
{
    private const string Gated = "GatedRepo";
    private const string NoCode = "";

    private static readonly Row[] Rows =
    [
        new(407, HubDiagnosis.ProxyAuth),
        new(429, HubDiagnosis.RateLimited),
        new(408, HubDiagnosis.HubUnavailable),
        // The region comes before the gate: it is a 403 with the gate's code too.
        new(403, HubDiagnosis.RegionBlocked) { AnyOf = ["region", "your country", "european union"] },
        new(401, HubDiagnosis.GatedNeedsLogin) { Code = Gated, TokenSent = false },
        new(401, HubDiagnosis.GatedOrTokenInvalid)
        {
            Code = Gated, TokenSent = true, WhenRejected = HubDiagnosis.TokenInvalid, WhenValid = HubDiagnosis.GatedOtherAccount,
            WhenFineGrained = HubDiagnosis.GatedOtherAccount,
        },
        new(403, HubDiagnosis.GatedPending) { Code = Gated, AnyOf = ["awaiting a review"] },
        new(403, HubDiagnosis.GatedRejected) { Code = Gated, AnyOf = ["rejected"] },
        new(403, HubDiagnosis.GatedReset) { Code = Gated, AnyOf = ["reset"] },
        new(403, HubDiagnosis.GatedNotRequested) { Code = Gated },
        new(403, HubDiagnosis.TokenLacksGatedPermission) { Code = NoCode, AllOf = ["fine-grained token", "gated"] },
        new(403, HubDiagnosis.RepoDisabled) { Code = NoCode, AnyOf = ["access to this resource is disabled"] },
        new(403, HubDiagnosis.OrgTokenPolicy) { Code = NoCode, AnyOf = ["organization", "approval", "approved", "policy", "ip address", "ip range", " ip "] },
        new(403, HubDiagnosis.Forbidden) { Code = NoCode, TokenSent = true, WhenFineGrained = HubDiagnosis.TokenLacksScope },
        new(403, HubDiagnosis.Forbidden),
        new(401, HubDiagnosis.TokenExpired) { TokenSent = true, AnyOf = ["expired"] },
        new(401, HubDiagnosis.TokenInvalid) { TokenSent = true, AnyOf = ["invalid credentials in authorization header"] },
        new(401, HubDiagnosis.NotFoundOrPrivate) { TokenSent = false },
        new(401, HubDiagnosis.NotFoundForAccount) { TokenSent = true, WhenRejected = HubDiagnosis.TokenInvalid },
        new(404, HubDiagnosis.NotFoundForAccount) { Code = "RepoNotFound", TokenSent = true },
        new(404, HubDiagnosis.NotFoundOrPrivate) { Code = "RepoNotFound" },
        new(404, HubDiagnosis.RevisionNotFound) { Code = "RevisionNotFound" },
        new(404, HubDiagnosis.EntryNotFound) { Code = "EntryNotFound" },
        new(404, HubDiagnosis.EndpointUnsupported) { Target = Target.Listing },
        new(404, HubDiagnosis.NotFound),
        new(410, HubDiagnosis.NotFound),
    ];

    /// <summary>The fitting row.</summary>
    public static Row Find(Refusal refusal, Target target)
    {
        // The Hub itself refuses in JSON or plain text; a page means that a portal or a proxy answered.
        if (refusal is { Page: not null, Code: null, Status: < 500 and not (407 or 408 or 429) })
            return new Row(refusal.Status, HubDiagnosis.NotTheHub);
        return Array.Find(Rows, row => row.Fits(refusal, target))
            ?? new Row(refusal.Status, Unlisted(refusal.Status));
    }

    private static HubDiagnosis Unlisted(int status) => status switch
    {
        501 => HubDiagnosis.EndpointUnsupported,
        511 => HubDiagnosis.NotTheHub,
        >= 500 => HubDiagnosis.HubUnavailable,
        >= 400 => HubDiagnosis.EndpointUnsupported,
        _ => HubDiagnosis.NotTheHub,
    };

    /// <summary>One row: conditions, and the diagnosis, which three outcomes of whoami may refine.</summary>
    internal sealed record Row(int Status, HubDiagnosis Diagnosis)
    {
        public string? Code { get; init; }
        public bool? TokenSent { get; init; }
        public Target? Target { get; init; }
        public string[] AnyOf { get; init; } = [];
        public string[] AllOf { get; init; } = [];
        public HubDiagnosis? WhenRejected { get; init; }
        public HubDiagnosis? WhenValid { get; init; }
        public HubDiagnosis? WhenFineGrained { get; init; }

        public bool AsksWhoAmI => WhenRejected is not null || WhenValid is not null || WhenFineGrained is not null;

        public HubDiagnosis With(TokenProof proof) => proof switch
        {
            TokenProof.Rejected => WhenRejected ?? Diagnosis,
            TokenProof.Valid => WhenValid ?? Diagnosis,
            TokenProof.ValidFineGrained => WhenFineGrained ?? WhenValid ?? Diagnosis,
            _ => Diagnosis,
        };

        public bool Fits(Refusal refusal, Target target) =>
            refusal.Status == Status
            && (Code is null || (refusal.Code ?? NoCode) == Code)
            && (TokenSent is null || refusal.TokenSent == TokenSent)
            && (Target is null || target == Target)
            && (AnyOf.Length == 0 || AnyOf.Any(fragment => Says(refusal, fragment)))
            && AllOf.All(fragment => Says(refusal, fragment));

        private static bool Says(Refusal refusal, string fragment) =>
            refusal.Message.Contains(fragment, StringComparison.OrdinalIgnoreCase);
    }
}
