using LlmService.Tokenizers.Unicode;

namespace LlmService.Tokenizers.Patterns;

/// <summary>Characters of a kind in a row, up to so many.</summary>
internal sealed class RunPattern(Func<int, bool> isMember, int most = int.MaxValue) : TextPattern
{
    public override bool Find(ReadOnlySpan<char> text, int from, out int start, out int end)
    {
        for (start = from; start < text.Length; start += CodePoints.Utf16Length(CodePoints.At(text, start)))
            if (isMember(CodePoints.At(text, start))) break;
        end = start;
        for (int left = most; left > 0 && end < text.Length; left--)
        {
            int codePoint = CodePoints.At(text, end);
            if (!isMember(codePoint)) break;
            end += CodePoints.Utf16Length(codePoint);
        }

        return end > start;
    }
}
