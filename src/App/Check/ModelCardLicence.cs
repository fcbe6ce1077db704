namespace LlmService.App.Check;

/// <summary>Finds the licence in a model card: README.md begins with YAML between two lines of dashes.</summary>
internal static class ModelCardLicence
{
    private const int MaxLines = 500;
    private const int MaxLength = 96;

    /// <summary>The licence; null when the card is absent or names none.</summary>
    public static string? Read(string path)
    {
        try
        {
            string[] lines = File.Exists(path) ? [.. File.ReadLines(path).Take(MaxLines)] : [];
            if (lines.Length == 0 || lines[0].Trim() != "---")
                return null;
            string? line = lines.Skip(1).TakeWhile(text => text.Trim() != "---").FirstOrDefault(text => text.StartsWith("license:", StringComparison.Ordinal));
            string licence = line?["license:".Length..].Trim().Trim('"', '\'') ?? "";
            return licence.Length is > 0 and <= MaxLength && !licence.Any(char.IsControl) ? licence : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
