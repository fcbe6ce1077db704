namespace LlmService.App.Evaluation;

/// <summary>A tag as comparisons see it: lower case, hyphens as spaces, every word in the singular.</summary>
internal readonly record struct NormalizedTag(string Text)
{
    private static readonly char[] Separators = [' ', '\t', '\r', '\n', '\u00A0', '-', '_', '\u2010', '\u2011'];

    // English words that end so are no plurals: class, status, analysis.
    private static readonly string[] SingularEnds = ["ss", "us", "is"];

    private static readonly string[] HissingEnds = ["sses", "xes", "ches", "shes"];

    public static NormalizedTag Of(string tag) =>
        new(string.Join(' ', tag.ToLowerInvariant().Split(Separators, StringSplitOptions.RemoveEmptyEntries).Select(Singular)));

    /// <summary>Whether the words of one stand side by side in the other.</summary>
    public static bool Contain(NormalizedTag left, NormalizedTag right) => left.Contains(right) || right.Contains(left);

    private bool Contains(NormalizedTag other) => $" {Text} ".Contains($" {other.Text} ", StringComparison.Ordinal);

    private static string Singular(string word)
    {
        if (word.Length < 4 || !word.EndsWith('s') || SingularEnds.Any(end => word.EndsWith(end, StringComparison.Ordinal)))
            return word;
        if (word.EndsWith("ies", StringComparison.Ordinal))
            return word.Length == 4 ? word[..^1] : word[..^3] + "y";
        return HissingEnds.Any(end => word.EndsWith(end, StringComparison.Ordinal)) ? word[..^2] : word[..^1];
    }
}
