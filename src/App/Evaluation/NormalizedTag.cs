namespace LlmService.App.Evaluation;

/// <summary>A tag as comparisons see it: lower case, hyphens as spaces, plural and singular alike. Nobody else sees it.</summary>
internal readonly record struct NormalizedTag(string Text)
{
    private const int ShortestPlural = 4;

    private static readonly char[] Separators = [' ', '\t', '\r', '\n', '\u00A0', '-', '_', '\u2010', '\u2011'];

    private static readonly string[] HissingEnds = ["che", "she", "xe", "sse"];

    public static NormalizedTag Of(string tag) =>
        new(string.Join(' ', tag.ToLowerInvariant().Split(Separators, StringSplitOptions.RemoveEmptyEntries).Select(Fold)));

    /// <summary>Whether the words of one stand side by side in the other.</summary>
    public static bool Contain(NormalizedTag left, NormalizedTag right) => left.Contains(right) || right.Contains(left);

    private bool Contains(NormalizedTag other) => $" {Text} ".Contains($" {other.Text} ", StringComparison.Ordinal);

    /// <summary>Gives the simple plural and the singular of a word one form, which may be neither: policies and policy, cookies and cookie,
    /// branches and branch, caches and cache. A word that only looks like a plural (analysis) keeps a form of its own.</summary>
    private static string Fold(string word)
    {
        if (word.Length >= ShortestPlural && word.EndsWith('s') && !word.EndsWith("ss", StringComparison.Ordinal))
            word = word[..^1];
        if (word.EndsWith("ie", StringComparison.Ordinal))
            return word[..^2] + "y";
        return HissingEnds.Any(end => word.EndsWith(end, StringComparison.Ordinal)) ? word[..^1] : word;
    }
}
