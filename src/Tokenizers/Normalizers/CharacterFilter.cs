using LlmService.Tokenizers.Unicode;

namespace LlmService.Tokenizers.Normalizers;

/// <summary>Drops some characters and changes others.</summary>
internal static class CharacterFilter
{
    /// <param name="change">The character that takes the place of one; -1 to drop it.</param>
    public static void Apply(AlignedText text, Func<int, int> change)
    {
        text.BeginRewrite(text.Length);
        ReadOnlySpan<char> span = text.Span;
        for (int i = 0; i < span.Length;)
        {
            int codePoint = CodePoints.At(span, i);
            int changed = change(codePoint);
            if (changed >= 0) text.WriteCodePoint(changed, text.StartOf(i), text.EndOf(i));
            i += CodePoints.Utf16Length(codePoint);
        }

        text.EndRewrite();
    }
}
