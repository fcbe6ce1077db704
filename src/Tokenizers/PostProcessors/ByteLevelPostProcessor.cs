using LlmService.Tokenizers.Unicode;

namespace LlmService.Tokenizers.PostProcessors;

/// <summary>Takes the white space at the ends of tokens out of their offsets.</summary>
internal sealed class ByteLevelPostProcessor(bool addPrefixSpace, bool trimOffsets) : PostProcessor
{
    private static readonly char Space = ByteAlphabet.ToChar((byte)' ');

    public static ByteLevelPostProcessor Create(JsonPart json)
    {
        json.AllowOnly("type", "add_prefix_space", "trim_offsets", "use_regex");
        return new ByteLevelPostProcessor(json.Boolean("add_prefix_space"), json.Boolean("trim_offsets"));
    }

    public override EncodingBuilder Apply(EncodingBuilder encoding, bool addSpecialTokens)
    {
        for (int i = 0; trimOffsets && i < encoding.Ids.Count; i++)
            encoding.Offsets[i] = Trim(encoding.Text, encoding.Tokens[i], encoding.Offsets[i], isFirst: i == 0);
        return encoding;
    }

    private TextRange Trim(string text, string token, TextRange range, bool isFirst)
    {
        int leading = 0, trailing = 0;
        while (leading < token.Length && IsSpace(token[leading])) leading++;
        while (trailing < token.Length && IsSpace(token[^(trailing + 1)])) trailing++;

        // A single space at the start is the one that was added.
        if ((isFirst || range.Start == 0) && addPrefixSpace && leading == 1) leading = 0;
        int start = range.Start, end = range.End;
        for (; leading > 0 && start < end; leading--) start += CodePoints.Utf16Length(CodePoints.At(text, start));
        if (trailing > 0 && BackUp(text, end, trailing) is int back and >= 0) end = Math.Max(back, start);
        return new TextRange(start, end);
    }

    private static bool IsSpace(char c) => c == Space || CodePoints.IsWhiteSpace(c);

    /// <summary>So many code points before an index, or -1 when the text starts later.</summary>
    private static int BackUp(string text, int index, int count)
    {
        for (; count > 0; count--)
        {
            if (index <= 0) return -1;
            index = CodePoints.Before(text, index);
        }

        return index;
    }
}
