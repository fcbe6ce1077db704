namespace LlmService.App.Evaluation;

/// <summary>An expected tag and the tag that was taken for it.</summary>
internal sealed record TagMatch(string Expected, string Tag);

/// <summary>How the tags of a model relate to the expected ones.</summary>
/// <param name="Matched">The pairs; no tag is in two of them.</param>
/// <param name="Missing">Expected tags without a partner.</param>
/// <param name="Extra">Tags of the model without a partner.</param>
/// <param name="IsExact">Whether both are the same set; containing is not enough.</param>
internal sealed record TagComparison(IReadOnlyList<TagMatch> Matched, IReadOnlyList<string> Missing, IReadOnlyList<string> Extra, bool IsExact)
{
    /// <summary>The part of the model's tags that were expected; 0 when there are none.</summary>
    public double Precision => Part(Matched.Count, Matched.Count + Extra.Count);

    /// <summary>The part of the expected tags that were found.</summary>
    public double Recall => Part(Matched.Count, Matched.Count + Missing.Count);

    /// <summary>The harmonic mean of precision and recall.</summary>
    public double F1 => Part(2 * Matched.Count, 2 * Matched.Count + Missing.Count + Extra.Count);

    /// <summary>Compares after normalisation. Equal tags pair up first, then those of which one contains the other, both in the order given.</summary>
    public static TagComparison Compare(IReadOnlyList<string> expected, IReadOnlyList<string> tags)
    {
        List<Entry> missing = Distinct(expected);
        List<Entry> extra = Distinct(tags);
        List<TagMatch> matched = [];
        Pair(missing, extra, matched, (left, right) => left == right);
        bool exact = missing.Count == 0 && extra.Count == 0;
        Pair(missing, extra, matched, NormalizedTag.Contain);
        return new(matched, [.. missing.Select(e => e.Text)], [.. extra.Select(e => e.Text)], exact);
    }

    private static List<Entry> Distinct(IReadOnlyList<string> tags) =>
        [.. tags.Select(t => new Entry(t, NormalizedTag.Of(t))).Where(e => e.Tag.Text.Length > 0).DistinctBy(e => e.Tag)];

    private static void Pair(List<Entry> missing, List<Entry> extra, List<TagMatch> matched, Func<NormalizedTag, NormalizedTag, bool> areAlike)
    {
        foreach (Entry expected in missing.ToArray())
        {
            int found = extra.FindIndex(e => areAlike(expected.Tag, e.Tag));
            if (found < 0)
                continue;
            matched.Add(new(expected.Text, extra[found].Text));
            missing.Remove(expected);
            extra.RemoveAt(found);
        }
    }

    private static double Part(int part, int whole) => whole == 0 ? 0 : (double)part / whole;

    private readonly record struct Entry(string Text, NormalizedTag Tag);
}
