namespace LlmService.App;

/// <summary>Shortens a text at sentence ends.</summary>
internal static class SentenceCut
{
    /// <summary>The longest beginning of the text that ends at a sentence end and fits; at least the first sentence, cut at a word if even that is too long.</summary>
    /// <param name="text">The text.</param>
    /// <param name="fits">Whether a beginning fits; a longer one never fits when a shorter one does not.</param>
    public static string ToFit(string text, Func<string, bool> fits)
    {
        if (fits(text))
            return text;
        return Longest(text, SentenceEnds(text), fits) ?? Longest(text, WordEnds(text), fits) ?? "";
    }

    private static string? Longest(string text, List<int> ends, Func<string, bool> fits)
    {
        int low = 0, high = ends.Count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (fits(text[..ends[middle]]))
                low = middle + 1;
            else
                high = middle;
        }
        return low == 0 ? null : text[..ends[low - 1]];
    }

    private static List<int> SentenceEnds(string text) =>
        [.. Enumerable.Range(1, text.Length - 1).Where(i => text[i - 1] is '.' or '!' or '?' && char.IsWhiteSpace(text[i]))];

    private static List<int> WordEnds(string text) =>
        [.. Enumerable.Range(1, text.Length - 1).Where(i => char.IsWhiteSpace(text[i]) && !char.IsWhiteSpace(text[i - 1]))];
}
