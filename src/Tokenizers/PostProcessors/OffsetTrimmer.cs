using LlmService.Tokenizers.Models;
using LlmService.Tokenizers.Unicode;

namespace LlmService.Tokenizers.PostProcessors;

/// <summary>Takes the white space at the ends of byte-level tokens out of their offsets.</summary>
internal static class OffsetTrimmer
{
    private static readonly char Space = ByteAlphabet.ToChar((byte)' ');

    public static void Trim(EncodingLayout layout, Tokenizer tokenizer, bool addPrefixSpace)
    {
        Trim(layout.First, tokenizer, addPrefixSpace);
        if (layout.IsPair) Trim(layout.Second, tokenizer, addPrefixSpace);
    }

    private static void Trim(TokenizedText text, Tokenizer tokenizer, bool addPrefixSpace)
    {
        ReadOnlySpan<TokenBuffer.Spelling> spellings = text.Tokens.Spellings;
        Span<Token> tokens = text.Tokens.Tokens[text.Start..text.End];
        for (int i = 0; i < tokens.Length; i++)
        {
            ref Token token = ref tokens[i];
            while (spellings.Length > 0 && spellings[0].Index < text.Start + i) spellings = spellings[1..];
            string spelling = spellings.Length > 0 && spellings[0].Index == text.Start + i ? spellings[0].Text : tokenizer.SpellingOf(token.Id);
            int leading = 0, trailing = 0;
            while (leading < spelling.Length && IsSpace(spelling[leading])) leading++;
            while (trailing < spelling.Length && IsSpace(spelling[^(trailing + 1)])) trailing++;
            if (leading == 0 && trailing == 0) continue;

            // A single space at the start is the one that was added.
            if ((i == 0 || token.Start == 0) && addPrefixSpace && leading == 1) leading = 0;
            token = Trim(text.Text, token, leading, trailing);
        }
    }

    private static Token Trim(string text, Token token, int leading, int trailing)
    {
        int start = token.Start, end = token.End;
        for (; leading > 0 && start < end; leading--) start += CodePoints.Utf16Length(CodePoints.At(text, start));
        if (trailing > 0 && BackUp(text, end, trailing) is int back and >= 0) end = Math.Max(back, start);
        return new Token(token.Id, start, end);
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
