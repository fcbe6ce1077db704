namespace LlmService.App;

/// <summary>Reads a list of tags from what a model wrote, however it wrote it.</summary>
internal static class TagList
{
    private const int MaxTags = 10;
    private const int MaxTagLength = 60;

    /// <summary>Splits at commas, semicolons and line ends, takes off bullets, numbers, quotes and brackets; lower case, each once.</summary>
    public static IReadOnlyList<string> Parse(string text) => text
        .Split([',', ';', '\n', '\r'], StringSplitOptions.RemoveEmptyEntries)
        .Select(Clean)
        .Where(tag => tag.Length is > 0 and <= MaxTagLength)
        .Distinct(StringComparer.Ordinal)
        .Take(MaxTags)
        .ToArray();

    private static string Clean(string part)
    {
        string tag = part.Trim().TrimStart('-', '*', '•', '#', ' ');
        int digits = tag.TakeWhile(char.IsAsciiDigit).Count();
        if (digits > 0 && digits < tag.Length && tag[digits] is '.' or ')')
            tag = tag[(digits + 1)..];
        return tag.Trim(' ', '\t', '"', '\'', '[', ']', '{', '}', '.', '`').ToLowerInvariant();
    }
}
