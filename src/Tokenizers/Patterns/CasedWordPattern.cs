using LlmService.Tokenizers.Unicode;

namespace LlmService.Tokenizers.Patterns;

/// <summary>The expression of o200k (up to three digits, contractions belong to the word) and of Tekken (one digit, no contractions): words are cut where
/// lower case turns into upper case.</summary>
internal sealed class CasedWordPattern(int maxDigits, bool hasContractions) : TextPattern
{
    public override bool Find(ReadOnlySpan<char> text, int from, out int start, out int end)
    {
        start = from;
        end = from < text.Length ? End(text, from) : from;
        return end > from;
    }

    private int End(ReadOnlySpan<char> text, int start)
    {
        int codePoint = CodePoints.At(text, start);
        int next = start + CodePoints.Utf16Length(codePoint);
        bool letter = CodePoints.IsLetter(codePoint), number = CodePoints.IsNumber(codePoint);

        // 1. [^\r\n\p{L}\p{N}]?U*W+ with U upper case and W lower case; what has no case is in both, marks too.
        bool prefix = !letter && !number && codePoint is not '\r' and not '\n' && next < text.Length;
        int end = prefix ? LowerEnd(text, next) : -1;
        if (end < 0) end = LowerEnd(text, start);

        // 2. [^\r\n\p{L}\p{N}]?U+W*: there is no W behind, or the first alternative would have matched.
        if (end < 0 && prefix) end = UpperEnd(text, next);
        if (end < 0) end = UpperEnd(text, start);
        if (end >= 0) return hasContractions && end < text.Length && text[end] == '\'' ? end + Contraction(text, end) : end;

        // 3. \p{N}{1,maxDigits}
        if (number) return Scan.Numbers(text, start, maxDigits);

        // 4.  ?[^\s\p{L}\p{N}]+[\r\n/]*
        int others = codePoint == ' ' ? next : start;
        end = Scan.Others(text, others);
        if (end > others)
        {
            while (end < text.Length && text[end] is '\r' or '\n' or '/') end++;
            return end;
        }

        // 5. \s*[\r\n]+|\s+(?!\S)|\s+
        return Scan.WhiteSpaceOrLineEnds(text, start);
    }

    private static int Contraction(ReadOnlySpan<char> text, int apostrophe) =>
        Scan.Contraction(text[(apostrophe + 1)..]) is int length and > 0 ? length + 1 : 0;

    /// <summary>The end of <c>U*W+</c>, or -1.</summary>
    private static int LowerEnd(ReadOnlySpan<char> text, int start)
    {
        int lastBoth = -1, i = start;
        while (i < text.Length)
        {
            int codePoint = CodePoints.At(text, i);
            if (!CodePoints.IsUpperOrUncased(codePoint)) break;
            i += CodePoints.Utf16Length(codePoint);

            // U* gives back what W+ needs; the last one that is in both is then all that W+ gets.
            if (CodePoints.IsLowerOrUncased(codePoint)) lastBoth = i;
        }

        int end = i;
        while (end < text.Length)
        {
            int codePoint = CodePoints.At(text, end);
            if (!CodePoints.IsLowerOrUncased(codePoint)) break;
            end += CodePoints.Utf16Length(codePoint);
        }

        return end > i ? end : lastBoth;
    }

    /// <summary>The end of <c>U+</c>, or -1.</summary>
    private static int UpperEnd(ReadOnlySpan<char> text, int start)
    {
        int i = start;
        while (i < text.Length)
        {
            int codePoint = CodePoints.At(text, i);
            if (!CodePoints.IsUpperOrUncased(codePoint)) break;
            i += CodePoints.Utf16Length(codePoint);
        }

        return i > start ? i : -1;
    }
}
