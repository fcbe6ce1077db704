namespace LlmService.Hub.Bundles;

/// <summary>Finds the licence of a model: in the head of its card, and in files of the usual names.</summary>
internal static class BundleLicense
{
    public const string CardName = "README.md";

    private const int MaxHeadCharacters = 64 * 1024;

    private static readonly string[] Names = ["LICENSE", "LICENCE", "COPYING", "NOTICE", "USE_POLICY"];

    /// <summary>Whether the file has terms that belong to the model wherever it goes.</summary>
    public static bool IsLicenseFile(string path) => Names.Any(name => path.StartsWith(name, StringComparison.OrdinalIgnoreCase));

    /// <summary>The licence that a model card names; null when there is no card or it names none.</summary>
    public static string? Read(string cardPath)
    {
        if (!File.Exists(cardPath))
            return null;
        char[] buffer = new char[MaxHeadCharacters];
        using var reader = new StreamReader(cardPath);
        string[] lines = new string(buffer, 0, reader.ReadBlock(buffer)).Split('\n');
        if (lines[0].TrimEnd() != "---")
            return null;
        List<string> head = [.. lines.Skip(1).TakeWhile(line => line.TrimEnd() != "---")];
        string? license = Value(head, "license:");
        // 'other' says nothing; the name that the author gave it stands beside.
        return license is null or "other" ? Value(head, "license_name:") ?? license : license;
    }

    private static string? Value(List<string> head, string key) =>
        head.Where(line => line.StartsWith(key, StringComparison.Ordinal))
            .Select(line => line[key.Length..].Trim().Trim('"', '\''))
            .FirstOrDefault(value => value.Length is > 0 and <= 100 && !value.Any(char.IsControl));
}
