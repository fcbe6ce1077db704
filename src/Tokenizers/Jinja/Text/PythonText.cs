using System.Globalization;
using System.Text;
using LlmService.Tokenizers.Unicode;

namespace LlmService.Tokenizers.Jinja;

/// <summary>What Python's <c>str</c> says of characters, and how it changes their case.</summary>
internal static class PythonText
{
    /// <summary><c>str.isspace</c>; also what <c>strip</c> and <c>split</c> take for white space.</summary>
    public static bool IsSpace(char c) => CodePoints.IsWhiteSpace(c) || c is >= '\x1C' and <= '\x1F';

    /// <summary>What <c>splitlines</c> takes for the end of a line.</summary>
    public static bool IsLineEnd(char c) => c is '\n' or '\r' or '\v' or '\f' or (>= '\x1C' and <= '\x1E') or '\x85' or '\u2028' or '\u2029';

    public static bool IsPrintable(int codePoint) => codePoint == ' ' || CodePoints.Category(codePoint) is not
        (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned
        or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.SpaceSeparator);

    public static bool IsDecimal(int codePoint) => CodePoints.Category(codePoint) == UnicodeCategory.DecimalDigitNumber;

    /// <summary>Decimal digits, superscripts and their like.</summary>
    public static bool IsDigit(int codePoint) => Rune.IsValid(codePoint) && CharUnicodeInfo.GetDigitValue(char.ConvertFromUtf32(codePoint), 0) >= 0;

    public static bool IsNumeric(int codePoint) => CodePoints.IsNumber(codePoint)
        || (Rune.IsValid(codePoint) && Rune.GetNumericValue(new Rune(codePoint)) >= 0);

    /// <summary>What regular expressions of Python call <c>\w</c>.</summary>
    public static bool IsWord(int codePoint) => codePoint == '_' || CodePoints.IsLetter(codePoint) || IsNumeric(codePoint);

    public static bool IsUpper(int codePoint) => CodePoints.Category(codePoint) == UnicodeCategory.UppercaseLetter
        || codePoint is (>= 0x2160 and <= 0x216F) or (>= 0x24B6 and <= 0x24CF) or (>= 0x1F130 and <= 0x1F149) or (>= 0x1F150 and <= 0x1F169) or (>= 0x1F170 and <= 0x1F189);

    public static bool IsTitle(int codePoint) => CodePoints.Category(codePoint) == UnicodeCategory.TitlecaseLetter;

    public static bool IsLower(int codePoint) => CodePoints.Category(codePoint) == UnicodeCategory.LowercaseLetter
        || codePoint is 0xAA or 0xBA or (>= 0x2B0 and <= 0x2B8) or 0x2C0 or 0x2C1 or (>= 0x2E0 and <= 0x2E4) or 0x345 or 0x37A or (>= 0x1D2C and <= 0x1D6A)
        or 0x1D78 or (>= 0x1D9B and <= 0x1DBF) or 0x2071 or 0x207F or (>= 0x2090 and <= 0x209C) or (>= 0x2170 and <= 0x217F) or (>= 0x24D0 and <= 0x24E9)
        or 0x2C7C or 0x2C7D or 0xA69C or 0xA69D or 0xA770 or 0xA7F8 or 0xA7F9 or (>= 0xAB5C and <= 0xAB5F);

    public static bool IsCased(int codePoint) => IsUpper(codePoint) || IsLower(codePoint) || IsTitle(codePoint);

    public static bool IsIdentifierStart(int codePoint) => codePoint == '_' || CodePoints.IsLetter(codePoint)
        || CodePoints.Category(codePoint) == UnicodeCategory.LetterNumber;

    public static bool IsIdentifier(string text)
    {
        if (text.Length == 0 || !IsIdentifierStart(CodePoints.At(text, 0))) return false;
        return All(text, c => IsIdentifierStart(c) || CodePoints.Category(c) is UnicodeCategory.DecimalDigitNumber
            or UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.ConnectorPunctuation);
    }

    public static bool All(string text, Func<int, bool> holds)
    {
        for (int i = 0; i < text.Length;)
        {
            int codePoint = CodePoints.At(text, i);
            if (!holds(codePoint)) return false;
            i += CodePoints.Utf16Length(codePoint);
        }

        return true;
    }

    public static string Upper(string text) => Ascii.IsValid(text) ? text.ToUpperInvariant() : Convert(text, UpperOf);

    public static string Lower(string text) => Ascii.IsValid(text) ? text.ToLowerInvariant() : Convert(text, LowerOf);

    public static string Fold(string text) => Convert(text, (t, i) =>
        CaseTables.Fold.TryGetValue(t[i], out string? folded) ? folded : t[i] == '\u03A3' ? "\u03C3" : LowerOf(t, i));

    public static string Capitalize(string text)
    {
        if (text.Length == 0) return text;
        int first = CodePoints.Utf16Length(CodePoints.At(text, 0));
        return Convert(text, (t, i) => i < first ? TitleOf(t, i) : LowerOf(t, i));
    }

    /// <summary><c>str.title</c>: a letter after a letter is lower case.</summary>
    public static string Title(string text)
    {
        bool afterCased = false;
        return Convert(text, (t, i) =>
        {
            string converted = afterCased ? LowerOf(t, i) : TitleOf(t, i);
            afterCased = IsCased(CodePoints.At(t, i));
            return converted;
        });
    }

    public static string SwapCase(string text) => Convert(text, (t, i) =>
    {
        int codePoint = CodePoints.At(t, i);
        return IsUpper(codePoint) ? LowerOf(t, i) : IsLower(codePoint) ? UpperOf(t, i) : char.ConvertFromUtf32(codePoint);
    });

    private static string Convert(string text, Func<string, int, string> convert)
    {
        StringBuilder builder = new(text.Length);
        for (int i = 0; i < text.Length;)
        {
            int length = CodePoints.Utf16Length(CodePoints.At(text, i));
            if (length == 1 && char.IsSurrogate(text[i])) builder.Append(text[i]);
            else builder.Append(convert(text, i));
            i += length;
        }

        return builder.ToString();
    }

    private static string UpperOf(string text, int index) =>
        CaseTables.Upper.TryGetValue(text[index], out string? upper) ? upper : Simple(text, index, r => Rune.ToUpperInvariant(r));

    private static string TitleOf(string text, int index)
    {
        if (CaseTables.Title.TryGetValue(text[index], out string? title)) return title;
        // Georgian letters have capitals that titles do not use.
        return text[index] is >= '\u10D0' and <= '\u10FF' ? text[index].ToString() : UpperOf(text, index);
    }

    private static string LowerOf(string text, int index) => text[index] switch
    {
        '\u0130' => "i\u0307",
        '\u03A3' => IsFinalSigma(text, index) ? "\u03C2" : "\u03C3",
        _ => Simple(text, index, r => Rune.ToLowerInvariant(r)),
    };

    private static string Simple(string text, int index, Func<Rune, Rune> map) => map(new Rune(CodePoints.At(text, index))).ToString();

    /// <summary>A capital sigma at the end of a word: after a cased letter, and not before one, whatever case-ignorable stands between.</summary>
    private static bool IsFinalSigma(string text, int index)
    {
        int before = index - 1;
        while (before >= 0 && IsCaseIgnorable(text[before])) before--;
        if (before < 0 || !IsCased(text[before])) return false;
        int after = index + 1;
        while (after < text.Length && IsCaseIgnorable(text[after])) after++;
        return after == text.Length || !IsCased(text[after]);
    }

    private static bool IsCaseIgnorable(char c) => c is '\'' or '.' or ':' or '^' or '`' or '\u00A8' or '\u00AD' or '\u00AF' or '\u00B4' or '\u00B7' or '\u00B8' or '\u2018' or '\u2019'
        || CodePoints.Category(c) is UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark or UnicodeCategory.Format or UnicodeCategory.ModifierLetter or UnicodeCategory.ModifierSymbol;
}
