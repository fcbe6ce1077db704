using LlmService.Tokenizers.Unicode;

namespace LlmService.Tokenizers.Normalizers;

/// <summary>The Unicode normalization forms: <c>NFC</c>, <c>NFD</c>, <c>NFKC</c>, <c>NFKD</c>.</summary>
internal sealed class UnicodeNormalizer(bool compatible, bool compose) : Normalizer
{
    public override AlignedText Apply(AlignedText text)
    {
        // Below U+00A0 nothing changes in any form, nor below U+0300 when composing canonically.
        if (text.Span.IndexOfAnyInRange(compose && !compatible ? '\u0300' : '\u00A0', '\uFFFF') < 0) return text;
        List<TextChange> changes = Decompose(text.Span);
        if (compose) Compose(changes);
        return TextRewriter.Apply(text, changes);
    }

    private List<TextChange> Decompose(ReadOnlySpan<char> text)
    {
        List<TextChange> output = new(text.Length);
        List<int> parts = [];
        int pending = 0;
        for (int i = 0; i < text.Length;)
        {
            int codePoint = CodePoints.At(text, i);
            i += CodePoints.Utf16Length(codePoint);
            parts.Clear();
            NormalizationData.Decompose(codePoint, compatible, parts);
            for (int p = 0; p < parts.Count; p++)
            {
                if (NormalizationData.CombiningClass(parts[p]) == 0)
                {
                    SortMarks(output, pending);
                    pending = output.Count + 1;
                }

                output.Add(new TextChange(parts[p], p > 0 ? 1 : 0));
            }
        }

        SortMarks(output, pending);
        return output;
    }

    /// <summary>Stable sort of the marks since the last starter by combining class.</summary>
    private static void SortMarks(List<TextChange> output, int from)
    {
        if (output.Count - from < 2) return;
        TextChange[] sorted = [.. output.Skip(from).OrderBy(c => NormalizationData.CombiningClass(c.CodePoint))];
        for (int i = 0; i < sorted.Length; i++) output[from + i] = sorted[i];
    }

    private static void Compose(List<TextChange> changes)
    {
        int starter = -1, lastClass = -1, written = 0;
        foreach (TextChange change in changes.ToArray())
        {
            int combiningClass = NormalizationData.CombiningClass(change.CodePoint);
            int composite = starter >= 0 && lastClass < combiningClass || (starter >= 0 && lastClass == -1)
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

        changes.RemoveRange(written, changes.Count - written);
    }
}
