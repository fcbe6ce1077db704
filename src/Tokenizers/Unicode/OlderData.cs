namespace LlmService.Tokenizers.Unicode;

/// <summary>Categories as the parts of the format's reference know them that were built with an older or a younger Unicode.</summary>
internal static class OlderData
{
    private static readonly Lazy<byte[]> BertClasses = new(() => TableReader.ExpandRanges(UnicodeData.BertClasses));
    private static readonly Lazy<byte[]> Marks = new(() => TableReader.ExpandRanges(UnicodeData.OldMarks));
    private static readonly Lazy<byte[]> Scripts = new(() => TableReader.ExpandRanges(UnicodeData.OldScripts));
    private static readonly Lazy<byte[]> Numbers = new(() => TableReader.ExpandRanges(UnicodeData.Numbers));

    /// <summary>Punctuation of Unicode 8.0, and all that is punctuation or a symbol in ASCII.</summary>
    public static bool IsPunctuation(int codePoint) =>
        codePoint < 0x80 ? codePoint is > 0x20 and < 0x7F && !char.IsAsciiLetterOrDigit((char)codePoint) : BertClasses.Value[codePoint] == 1;

    /// <summary>The category Mn of Unicode 8.0.</summary>
    public static bool IsNonSpacingMark(int codePoint) => codePoint >= 0x300 && BertClasses.Value[codePoint] == 2;

    /// <summary>The categories Cc, Cf and Co of Unicode 8.0.</summary>
    public static bool IsControl(int codePoint) => codePoint < 0x80 ? codePoint is < 0x20 or 0x7F : BertClasses.Value[codePoint] == 3;

    /// <summary>The category M of Unicode 9.0.</summary>
    public static bool IsMark(int codePoint) => codePoint >= 0x300 && Marks.Value[codePoint] != 0;

    /// <summary>The place of the script of Unicode 9.0 in <see cref="CharacterData.ScriptNames"/>; 0 for code points without one.</summary>
    public static int Script(int codePoint) => Scripts.Value[codePoint];

    /// <summary>The category N of Unicode 17.0.</summary>
    public static bool IsNumeric(int codePoint) => codePoint < 0x80 ? char.IsAsciiDigit((char)codePoint) : Numbers.Value[codePoint] != 0;
}
