using LlmService.Tokenizers.Unicode;

namespace LlmService.Tokenizers.Patterns;

/// <summary>The expression of Qwen2 (one digit) and Llama 3 (up to three).</summary>
internal sealed class WordPattern(int maxDigits) : TextPattern
{
    public override bool Find(ReadOnlySpan<char> text, int from, out int start, out int end)
    {
        start = from;
        end = from < text.Length ? End(text, from) : from;
        return end > from;
    }

    private int End(ReadOnlySpan<char> text, int start)
    {
        // 1. (?i:'s|'t|'re|'ve|'m|'ll|'d)
        if (text[start] == '\'' && Contraction(text[(start + 1)..]) is int length and > 0) return start + 1 + length;

        // 2. [^\r\n\p{L}\p{N}]?\p{L}+
        int codePoint = CodePoints.At(text, start);
        bool letter = CodePoints.IsLetter(codePoint), number = CodePoints.IsNumber(codePoint);
        if (letter) return Scan.Letters(text, start);
        int next = start + CodePoints.Utf16Length(codePoint);
        if (!number && codePoint is not '\r' and not '\n' && next < text.Length && CodePoints.IsLetter(CodePoints.At(text, next)))
            return Scan.Letters(text, next);

        // 3. \p{N}{1,maxDigits}
        if (number) return Scan.Numbers(text, start, maxDigits);

        // 4.  ?[^\s\p{L}\p{N}]+[\r\n]*
        int others = codePoint == ' ' ? next : start;
        int end = Scan.Others(text, others);
        if (end > others)
        {
            while (end < text.Length && (text[end] is '\r' or '\n')) end++;
            return end;
        }

        // 5. \s*[\r\n]+
        int space = start, lineEnd = -1;
        for (; space < text.Length && CodePoints.IsWhiteSpace(text[space]); space++)
            if (text[space] is '\r' or '\n') lineEnd = space + 1;
        return lineEnd >= 0 ? lineEnd : Scan.WhiteSpace(text, start);
    }

    /// <summary>Ignoring case, s also means U+017F, as Unicode folds it.</summary>
    private static int Contraction(ReadOnlySpan<char> text) =>
        text is ['s' or 'S' or '\u017F' or 't' or 'T' or 'm' or 'M' or 'd' or 'D', ..] ? 1
        : text is ['r' or 'R' or 'v' or 'V', 'e' or 'E', ..] or ['l' or 'L', 'l' or 'L', ..] ? 2
        : 0;
}
