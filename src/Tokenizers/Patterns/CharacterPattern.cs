using LlmService.Tokenizers.Unicode;

namespace LlmService.Tokenizers.Patterns;

/// <summary>Every single character of a kind.</summary>
internal sealed class CharacterPattern(Func<int, bool> isMatch) : TextPattern
{
    public override bool Find(ReadOnlySpan<char> text, int from, out int start, out int end)
    {
        for (start = from; start < text.Length; start = end)
        {
            int codePoint = CodePoints.At(text, start);
            end = start + CodePoints.Utf16Length(codePoint);
            if (isMatch(codePoint)) return true;
        }

        end = start;
        return false;
    }
}
