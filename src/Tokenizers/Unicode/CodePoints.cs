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

    /// <summary>The categories Nd, Nl and No.</summary>
    public static bool IsNumber(int codePoint) =>
        CategoryTable[codePoint] is >= (byte)UnicodeCategory.DecimalDigitNumber and <= (byte)UnicodeCategory.OtherNumber;

    /// <summary>What the Digits pre-tokenizer of the format's reference calls numeric: it knows the numbers of Unicode 17 already.</summary>
    public static bool IsNumeric(int codePoint) =>
        IsNumber(codePoint) || codePoint is (>= 0x11DE0 and <= 0x11DE9) or (>= 0x16FF4 and <= 0x16FF6);

    /// <summary>The property White_Space.</summary>
    public static bool IsWhiteSpace(int codePoint) => codePoint is (>= 0x09 and <= 0x0D) or 0x20 or 0x85 or 0xA0 or 0x1680
        or (>= 0x2000 and <= 0x200A) or 0x2028 or 0x2029 or 0x202F or 0x205F or 0x3000;

    /// <summary>What regular expressions call a word character: letters, marks, decimal digits, connectors, joiners.</summary>
    public static bool IsWord(int codePoint) => codePoint is 0x200C or 0x200D || IsLetter(codePoint) || IsMark(codePoint)
        || Category(codePoint) is UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.ConnectorPunctuation
        || codePoint is (>= 0x24B6 and <= 0x24E9) or (>= 0x1F130 and <= 0x1F149) or (>= 0x1F150 and <= 0x1F169) or (>= 0x1F170 and <= 0x1F189);
}
