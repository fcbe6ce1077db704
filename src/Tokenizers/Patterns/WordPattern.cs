using LlmService.Tokenizers.Unicode;

namespace LlmService.Tokenizers.Patterns;

/// <summary>The expression of Llama 3 and cl100k (up to three digits), of Qwen2 (one) and of Qwen3.5 (marks are like letters).</summary>
internal sealed class WordPattern(int maxDigits, bool marksAreLetters = false) : TextPattern
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
        if (text[start] == '\'' && Scan.Contraction(text[(start + 1)..]) is int length and > 0) return start + 1 + length;

        // 2. [^\r\n\p{L}\p{N}]?\p{L}+
        int codePoint = CodePoints.At(text, start);
        if (IsLetter(codePoint)) return Letters(text, start);
        bool number = CodePoints.IsNumber(codePoint);
        int next = start + CodePoints.Utf16Length(codePoint);
        if (!number && codePoint is not '\r' and not '\n' && next < text.Length && IsLetter(CodePoints.At(text, next))) return Letters(text, next);

        // 3. \p{N}{1,maxDigits}
        if (number) return Scan.Numbers(text, start, maxDigits);

        // 4.  ?[^\s\p{L}\p{N}]+[\r\n]*
        int others = codePoint == ' ' ? next : start;
        int end = Others(text, others);
        if (end > others) return Scan.LineEnds(text, end);

        // 5. \s*[\r\n]+|\s+(?!\S)|\s+
        return Scan.WhiteSpaceOrLineEnds(text, start);
    }

    private bool IsLetter(int codePoint) => marksAreLetters ? CodePoints.IsLetterOrMark(codePoint) : CodePoints.IsLetter(codePoint);

    private int Letters(ReadOnlySpan<char> text, int i) => marksAreLetters ? Scan.LettersAndMarks(text, i) : Scan.Letters(text, i);

    private int Others(ReadOnlySpan<char> text, int i)
    {
        int end = Scan.Others(text, i);
        if (!marksAreLetters) return end;
        for (int at = i; at < end;)
        {
            int codePoint = CodePoints.At(text, at);
            if (CodePoints.IsMark(codePoint)) return at;
            at += CodePoints.Utf16Length(codePoint);
        }

        return end;
    }
}
