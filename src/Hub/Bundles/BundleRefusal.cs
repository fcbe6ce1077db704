namespace LlmService.Hub.Bundles;

/// <summary>The exceptions of bundles.</summary>
internal static class BundleRefusal
{
    public static HubException Of(string bundle, string reason, Exception? inner = null) =>
        new(HubDiagnosis.BadBundle, new HubFacts { File = bundle, Detail = $"The bundle '{bundle}' is refused: {reason}. Nothing was installed." }, inner);

    public static HubException CannotCreate(string bundle, RepoId id, string path, string reason) =>
        new(HubDiagnosis.BadBundle, new HubFacts { Repository = id.Value, File = path, Detail = $"The bundle '{bundle}' cannot be made: '{path}' of '{id}' {reason}." });
}
