using System.Globalization;

namespace LlmService.Tokenizers.Unicode;

/// <summary>Code points of UTF-16 text, and what the generated tables say of them.</summary>
internal static class CodePoints
{
    private static readonly byte[] CategoryTable = TableReader.ExpandRanges(UnicodeData.Categories);

    /// <summary>The code point at an index. Texts are checked at the door, so surrogates come in pairs.</summary>
    public static int At(ReadOnlySpan<char> text, int index)
    {
        char c = text[index];
        return char.IsHighSurrogate(c) && index + 1 < text.Length && char.IsLowSurrogate(text[index + 1])
            ? char.ConvertToUtf32(c, text[index + 1])
            : c;
    }

    /// <summary>How many code points a text has.</summary>
    public static int Count(ReadOnlySpan<char> text)
    {
        int count = text.Length;
        for (int i = 1; i < text.Length; i++)
            if (char.IsLowSurrogate(text[i]) && char.IsHighSurrogate(text[i - 1])) count--;
        return count;
    }

    /// <summary>How many UTF-16 units a code point takes.</summary>
    public static int Utf16Length(int codePoint) => codePoint < 0x10000 ? 1 : 2;

    /// <summary>How many UTF-8 bytes a code point takes.</summary>
    public static int Utf8Length(int codePoint) => codePoint < 0x80 ? 1 : codePoint < 0x800 ? 2 : codePoint < 0x10000 ? 3 : 4;

    /// <summary>The start of the code point that ends before an index.</summary>
    public static int Before(ReadOnlySpan<char> text, int index) =>
        index >= 2 && char.IsLowSurrogate(text[index - 1]) && char.IsHighSurrogate(text[index - 2]) ? index - 2 : index - 1;

    public static UnicodeCategory Category(int codePoint) => (UnicodeCategory)CategoryTable[codePoint];

    public static bool IsLetter(int codePoint) => CategoryTable[codePoint] <= (byte)UnicodeCategory.OtherLetter;

    public static bool IsMark(int codePoint) =>
        CategoryTable[codePoint] is >= (byte)UnicodeCategory.NonSpacingMark and <= (byte)UnicodeCategory.EnclosingMark;

    public static bool IsLetterOrMark(int codePoint) => CategoryTable[codePoint] <= (byte)UnicodeCategory.EnclosingMark;

    /// <summary>Letters but lower case ones, and marks.</summary>
    public static bool IsUpperOrUncased(int codePoint) => IsLetterOrMark(codePoint) && CategoryTable[codePoint] != (byte)UnicodeCategory.LowercaseLetter;

    /// <summary>Letters but upper and title case ones, and marks.</summary>
    public static bool IsLowerOrUncased(int codePoint) =>
        IsLetterOrMark(codePoint) && CategoryTable[codePoint] is not ((byte)UnicodeCategory.UppercaseLetter or (byte)UnicodeCategory.TitlecaseLetter);

    public static bool IsPunctuationOrSymbol(int codePoint) =>
        CategoryTable[codePoint] is >= (byte)UnicodeCategory.ConnectorPunctuation and <= (byte)UnicodeCategory.OtherSymbol;

    /// <summary>The categories Nd, Nl and No.</summary>
    public static bool IsNumber(int codePoint) =>
        CategoryTable[codePoint] is >= (byte)UnicodeCategory.DecimalDigitNumber and <= (byte)UnicodeCategory.OtherNumber;

    /// <summary>The property White_Space.</summary>
    public static bool IsWhiteSpace(int codePoint) => codePoint is (>= 0x09 and <= 0x0D) or 0x20 or 0x85 or 0xA0 or 0x1680
        or (>= 0x2000 and <= 0x200A) or 0x2028 or 0x2029 or 0x202F or 0x205F or 0x3000;

    /// <summary>What regular expressions call a word character: letters and what is used like them, marks, decimal digits, connectors, joiners.</summary>
    public static bool IsWord(int codePoint) => codePoint is 0x200C or 0x200D || IsMark(codePoint)
        || Category(codePoint) is UnicodeCategory.DecimalDigitNumber or UnicodeCategory.ConnectorPunctuation
        || (CharacterData.Of(codePoint) & CharacterProperties.Alphabetic) != 0;
}
