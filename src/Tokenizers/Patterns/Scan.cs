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

    /// <summary><c>\s+(?!\S)|\s+</c>: the last white space before a word is left to the word, unless it is the only one.</summary>
    public static int WhiteSpace(ReadOnlySpan<char> text, int start)
    {
        int end = start;
        while (end < text.Length && CodePoints.IsWhiteSpace(text[end])) end++;
        return end < text.Length && end - start > 1 ? end - 1 : end;
    }
}
