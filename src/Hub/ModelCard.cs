namespace LlmService.Hub;

/// <summary>Reads a model card: README.md begins with YAML between two lines of dashes.</summary>
public static class ModelCard
{
    /// <summary>The name of the file.</summary>
    public const string FileName = "README.md";

    private const int MaxHeadCharacters = 64 * 1024;
    private const int MaxLength = 96;

    /// <summary>The licence that a card names.</summary>
    /// <param name="path">The file.</param>
    /// <returns>Null when there is no card, it cannot be read, or it names none.</returns>
    public static string? ReadLicence(string path)
    {
        List<string> head = [.. ReadHead(path)];
        string? licence = Value(head, "license:");
        // 'other' says nothing; the name that the author gave it stands beside.
        return licence is null or "other" ? Value(head, "license_name:") ?? licence : licence;
    }

    private static IEnumerable<string> ReadHead(string path)
    {
        try
        {
            if (!File.Exists(path))
                return [];
            char[] buffer = new char[MaxHeadCharacters];
            using var reader = new StreamReader(path);
            string[] lines = new string(buffer, 0, reader.ReadBlock(buffer)).Split('\n');
            return lines[0].TrimEnd() == "---" ? lines.Skip(1).TakeWhile(line => line.TrimEnd() != "---") : [];
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    private static string? Value(List<string> head, string key) =>
        head.Where(line => line.StartsWith(key, StringComparison.Ordinal))
            .Select(line => line[key.Length..].Trim().Trim('"', '\''))
            .FirstOrDefault(value => value.Length is > 0 and <= MaxLength && !value.Any(char.IsControl));
}
