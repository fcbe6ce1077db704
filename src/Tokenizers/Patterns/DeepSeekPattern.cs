using LlmService.Tokenizers.Unicode;

namespace LlmService.Tokenizers.Patterns;

/// <summary>The main expression of DeepSeek V3: a sign may begin a Latin word; numbers that were cut out before match nothing.</summary>
internal sealed class DeepSeekPattern : TextPattern
{
    public override bool Find(ReadOnlySpan<char> text, int from, out int start, out int end)
    {
        for (start = from; start < text.Length; start += CodePoints.Utf16Length(CodePoints.At(text, start)))
        {
            end = End(text, start);
            if (end > start) return true;
        }

        end = start;
        return false;
    }

    /// <summary>The end of the match at an index, or the index.</summary>
    private static int End(ReadOnlySpan<char> text, int start)
    {
        // 1. [!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+
        int codePoint = CodePoints.At(text, start);
        int next = start + CodePoints.Utf16Length(codePoint);
        bool sign = CodePoints.IsPunctuationOrSymbol(codePoint);
        if (sign && codePoint < 0x80 && next < text.Length && char.IsAsciiLetter(text[next]))
        {
            int word = text[next..].IndexOfAnyExcept(AsciiLetters);
            return word < 0 ? text.Length : next + word;
        }

        // 2. [^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+
        if (CodePoints.IsLetterOrMark(codePoint)) return Scan.LettersAndMarks(text, start);
        if (!sign && codePoint is not '\r' and not '\n' && next < text.Length && CodePoints.IsLetterOrMark(CodePoints.At(text, next)))
            return Scan.LettersAndMarks(text, next);

        // 3.  ?[\p{P}\p{S}]+[\r\n]*
        int signs = codePoint == ' ' ? next : start;
        int end = Scan.PunctuationAndSymbols(text, signs);
        if (end > signs) return Scan.LineEnds(text, end);

        // 4. \s*[\r\n]+|\s+(?!\S)|\s+
        return CodePoints.IsWhiteSpace(codePoint) ? Scan.WhiteSpaceOrLineEnds(text, start) : start;
    }

    private static readonly System.Buffers.SearchValues<char> AsciiLetters =
        System.Buffers.SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
}
