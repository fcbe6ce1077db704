namespace LlmService.Hub.Bundles;

/// <summary>Which files of a model hold its terms.</summary>
internal static class BundleLicense
{
    private static readonly string[] Names = ["LICENSE", "LICENCE", "COPYING", "NOTICE", "USE_POLICY"];

    /// <summary>Whether the file has terms that belong to the model wherever it goes.</summary>
    public static bool IsLicenseFile(string path) => Names.Any(name => path.StartsWith(name, StringComparison.OrdinalIgnoreCase));
}
