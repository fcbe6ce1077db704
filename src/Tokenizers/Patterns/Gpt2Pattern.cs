using LlmService.Tokenizers.Unicode;

namespace LlmService.Tokenizers.Patterns;

/// <summary>GPT-2's expression: contractions, words, numbers and other runs with a space before them, white space.</summary>
internal sealed class Gpt2Pattern : TextPattern
{
    public override bool Find(ReadOnlySpan<char> text, int from, out int start, out int end)
    {
        start = from;
        end = from < text.Length ? End(text, from) : from;
        return end > from;
    }

    private static int End(ReadOnlySpan<char> text, int start)
    {
        if (text[start] == '\'' && Contraction(text[(start + 1)..]) is int length and > 0) return start + 1 + length;
        int first = text[start] == ' ' && start + 1 < text.Length ? start + 1 : start;
        int codePoint = CodePoints.At(text, first);
        if (CodePoints.IsLetter(codePoint)) return Scan.Letters(text, first);
        if (CodePoints.IsNumber(codePoint)) return Scan.Numbers(text, first, int.MaxValue);
        return CodePoints.IsWhiteSpace(codePoint) ? Scan.WhiteSpace(text, start) : Scan.Others(text, first);
    }

    private static int Contraction(ReadOnlySpan<char> text) =>
        text is ['s' or 't' or 'm' or 'd', ..] ? 1 : text is ['r' or 'v', 'e', ..] or ['l', 'l', ..] ? 2 : 0;
}
