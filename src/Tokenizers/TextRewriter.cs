using LlmService.Tokenizers.Unicode;

namespace LlmService.Tokenizers;

/// <summary>A code point of a changed text: new (1), in place of the next one (0), or in place of it and n more (-n).</summary>
internal readonly record struct TextChange(int CodePoint, int Count);

/// <summary>Writes a changed copy of a text and keeps the alignment, as the format's reference does.</summary>
internal static class TextRewriter
{
    public static AlignedText Apply(AlignedText source, List<TextChange> changes)
    {
        AlignedText result = new(source.Length + 8, source.Origin);
        int cursor = 0;
        foreach (TextChange change in changes)
        {
            if (change.Count > 0)
            {
                // An inserted code point shares the place of the one before it.
                if (cursor == 0) result.Append(change.CodePoint, source.Origin, source.Origin);
                else result.Append(change.CodePoint, source.StartOf(cursor - 1), source.EndOf(cursor - 1));
                continue;
            }

            int at = Math.Min(cursor, source.Length - 1);
            result.Append(change.CodePoint, source.StartOf(at), source.EndOf(at));
            for (int skip = 1 - change.Count; skip > 0 && cursor < source.Length; skip--)
                cursor += CodePoints.Utf16Length(CodePoints.At(source.Span, cursor));
        }

        return result;
    }
}
