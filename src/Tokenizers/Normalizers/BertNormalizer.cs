using LlmService.Tokenizers.Unicode;

namespace LlmService.Tokenizers.Normalizers;

/// <summary>BERT's: no control characters, spaces around Chinese characters, no accents, lower case.</summary>
internal sealed class BertNormalizer(bool cleanText, bool handleChinese, bool stripAccents, bool lowercase) : Normalizer
{
    private static readonly UnicodeNormalizer Decompose = new(compatible: false, compose: false);

    public static BertNormalizer Create(JsonPart json)
    {
        json.AllowOnly("type", "clean_text", "handle_chinese_chars", "strip_accents", "lowercase");
        bool lowercase = json.Boolean("lowercase");
        return new BertNormalizer(json.Boolean("clean_text"), json.Boolean("handle_chinese_chars"), json.Boolean("strip_accents", absent: lowercase), lowercase);
    }

    public override void Apply(AlignedText text)
    {
        if (!text.Span.ContainsAnyExceptInRange('\0', '\u007F'))
        {
            ApplyAscii(text);
            return;
        }

        if (cleanText) CharacterFilter.Apply(text, Clean);
        if (handleChinese) SpaceChinese(text);
        if (stripAccents)
        {
            Decompose.Apply(text);
            CharacterFilter.Apply(text, c => OlderData.IsNonSpacingMark(c) ? -1 : c);
        }

        if (lowercase) LowercaseNormalizer.Lower(text);
    }

    private static int Clean(int codePoint)
    {
        if (CodePoints.IsWhiteSpace(codePoint) && codePoint is not (0x0B or 0x0C or 0x85)) return ' ';
        return codePoint is 0 or 0xFFFD || OlderData.IsControl(codePoint) ? -1 : codePoint;
    }

    /// <summary>In ASCII there are neither accents nor Chinese characters, so one pass does.</summary>
    private void ApplyAscii(AlignedText text)
    {
        text.BeginRewrite(text.Length);
        ReadOnlySpan<char> span = text.Span;
        for (int i = 0; i < span.Length; i++)
        {
            int c = cleanText ? Clean(span[i]) : span[i];
            if (c >= 0) text.Write((char)(lowercase ? CaseData.Lower(c) : c), i);
        }

        text.EndRewrite();
    }

    private static void SpaceChinese(AlignedText text)
    {
        ReadOnlySpan<char> span = text.Span;
        for (int i = 0; i < span.Length;)
        {
            int codePoint = CodePoints.At(span, i);
            bool chinese = IsChinese(codePoint);
            if (chinese) text.Changes.Add(new TextChange(' ', 0));
            text.Changes.Add(new TextChange(codePoint, chinese ? 1 : 0));
            if (chinese) text.Changes.Add(new TextChange(' ', 1));
            i += CodePoints.Utf16Length(codePoint);
        }

        text.ApplyChanges();
    }

    private static bool IsChinese(int codePoint) => codePoint is (>= 0x4E00 and <= 0x9FFF) or (>= 0x3400 and <= 0x4DBF)
        or (>= 0x20000 and <= 0x2A6DF) or (>= 0x2A700 and <= 0x2B73F) or (>= 0x2B740 and <= 0x2B81F) or (>= 0x2B920 and <= 0x2CEAF)
        or (>= 0xF900 and <= 0xFAFF) or (>= 0x2F800 and <= 0x2FA1F);
}
