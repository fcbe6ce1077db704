namespace LlmService.Tokenizers.Unicode;

/// <summary>Binary properties; the order is the generator's.</summary>
[Flags]
internal enum CharacterProperties : byte
{
    None = 0, Alphabetic = 1, Lowercase = 2, Uppercase = 4, Emoji = 8,
}

/// <summary>Binary properties and scripts.</summary>
internal static class CharacterData
{
    public static readonly string[] ScriptNames = UnicodeData.ScriptNames.Split(' ');

    private static readonly byte[] Properties = TableReader.ExpandRanges(UnicodeData.Properties);
    private static readonly Lazy<byte[]> Scripts = new(() => TableReader.ExpandRanges(UnicodeData.Scripts));

    public static CharacterProperties Of(int codePoint) => (CharacterProperties)Properties[codePoint];

    /// <summary>The place of the script in <see cref="ScriptNames"/>; 0 for code points without one.</summary>
    public static int Script(int codePoint) => Scripts.Value[codePoint];
}
