using LlmService.Tokenizers.Unicode;

namespace LlmService.Tokenizers.Patterns;

/// <summary>The runs that the known expressions are made of. Each method returns the end of the run that starts at an index.</summary>
internal static class Scan
{
    public static int Letters(ReadOnlySpan<char> text, int i)
    {
        while (i < text.Length)
        {
            int codePoint = CodePoints.At(text, i);
            if (!CodePoints.IsLetter(codePoint)) break;
            i += CodePoints.Utf16Length(codePoint);
        }

        return i;
    }

    public static int LettersAndMarks(ReadOnlySpan<char> text, int i)
    {
        while (i < text.Length)
        {
            int codePoint = CodePoints.At(text, i);
            if (!CodePoints.IsLetterOrMark(codePoint)) break;
            i += CodePoints.Utf16Length(codePoint);
        }

        return i;
    }

    public static int PunctuationAndSymbols(ReadOnlySpan<char> text, int i)
    {
        while (i < text.Length)
        {
            int codePoint = CodePoints.At(text, i);
            if (!CodePoints.IsPunctuationOrSymbol(codePoint)) break;
            i += CodePoints.Utf16Length(codePoint);
        }

        return i;
    }

    public static int LineEnds(ReadOnlySpan<char> text, int i)
    {
        while (i < text.Length && text[i] is '\r' or '\n') i++;
        return i;
    }

    /// <summary>How long the contraction after an apostrophe is. Ignoring case, s also means U+017F, as Unicode folds it.</summary>
    public static int Contraction(ReadOnlySpan<char> text) =>
        text is ['s' or 'S' or '\u017F' or 't' or 'T' or 'm' or 'M' or 'd' or 'D', ..] ? 1
        : text is ['r' or 'R' or 'v' or 'V', 'e' or 'E', ..] or ['l' or 'L', 'l' or 'L', ..] ? 2
        : 0;

    public static int Numbers(ReadOnlySpan<char> text, int i, int most)
    {
        for (; i < text.Length && most > 0; most--)
        {
            int codePoint = CodePoints.At(text, i);
            if (!CodePoints.IsNumber(codePoint)) break;
            i += CodePoints.Utf16Length(codePoint);
        }

        return i;
    }

    /// <summary>Neither white space nor letters nor numbers.</summary>
    public static int Others(ReadOnlySpan<char> text, int i)
    {
        while (i < text.Length)
        {
            int codePoint = CodePoints.At(text, i);
            if (CodePoints.IsWhiteSpace(codePoint) || CodePoints.IsLetter(codePoint) || CodePoints.IsNumber(codePoint)) break;
            i += CodePoints.Utf16Length(codePoint);
        }

        return i;
    }

    /// <summary><c>\s*[\r\n]+|\s+(?!\S)|\s+</c></summary>
    public static int WhiteSpaceOrLineEnds(ReadOnlySpan<char> text, int start)
    {
        int lineEnd = -1;
        for (int i = start; i < text.Length && CodePoints.IsWhiteSpace(text[i]); i++)
            if (text[i] is '\r' or '\n') lineEnd = i + 1;
        return lineEnd >= 0 ? lineEnd : WhiteSpace(text, start);
    }

    /// <summary><c>\s+(?!\S)|\s+</c>: the last white space before a word is left to the word, unless it is the only one.</summary>
    public static int WhiteSpace(ReadOnlySpan<char> text, int start)
    {
        int end = start;
        while (end < text.Length && CodePoints.IsWhiteSpace(text[end])) end++;
        return end < text.Length && end - start > 1 ? end - 1 : end;
    }
}
