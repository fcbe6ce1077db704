using LlmService.Tokenizers.Unicode;

namespace LlmService.Tokenizers.Normalizers;

/// <summary>The Unicode normalization forms: <c>NFC</c>, <c>NFD</c>, <c>NFKC</c>, <c>NFKD</c>.</summary>
internal sealed class UnicodeNormalizer(bool compatible, bool compose) : Normalizer
{
    public override void Apply(AlignedText text)
    {
        // Below U+00A0 nothing changes in any form, nor below U+0300 when composing canonically.
        if (!text.Span.ContainsAnyInRange(compose && !compatible ? '\u0300' : '\u00A0', '\uFFFF')) return;
        Decompose(text.Span, text.Changes);
        if (compose) Compose(text.Changes);
        text.ApplyChanges();
    }

    private void Decompose(ReadOnlySpan<char> text, PooledList<TextChange> output)
    {
        int pending = 0;
        for (int i = 0; i < text.Length;)
        {
            int codePoint = CodePoints.At(text, i);
            i += CodePoints.Utf16Length(codePoint);
            int from = output.Count;
            NormalizationData.Decompose(codePoint, compatible, output);
            for (int p = from; p < output.Count; p++)
            {
                if (NormalizationData.CombiningClass(output[p].CodePoint) > 0) continue;
                SortMarks(output.Span[pending..p]);
                pending = p + 1;
            }
        }

        SortMarks(output.Span[pending..]);
    }

    /// <summary>Stable sort of the marks since the last starter by combining class.</summary>
    private static void SortMarks(Span<TextChange> marks)
    {
        if (marks.Length < 2) return;

        // Real texts have two or three; a hostile one has a million, which must not take its square.
        TextChange[] sorted = [.. marks.ToArray().OrderBy(c => NormalizationData.CombiningClass(c.CodePoint))];
        sorted.CopyTo(marks);
    }

    private static void Compose(PooledList<TextChange> changes)
    {
        int starter = -1, lastClass = -1, written = 0;
        for (int i = 0; i < changes.Count; i++)
        {
            TextChange change = changes[i];
            int combiningClass = NormalizationData.CombiningClass(change.CodePoint);
            int composite = starter >= 0 && (lastClass < combiningClass || lastClass == -1)
                ? NormalizationData.Compose(changes[starter].CodePoint, change.CodePoint)
                : -1;
            if (composite >= 0)
            {
                changes[starter] = new TextChange(composite, changes[starter].Count + change.Count - 1);
                continue;
            }

            if (combiningClass == 0)
            {
                starter = written;
                lastClass = -1;
            }
            else
            {
                lastClass = combiningClass;
            }

            changes[written++] = change;
        }

        changes.Truncate(written);
    }
}
