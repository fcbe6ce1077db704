namespace LlmService.Tokenizers.Patterns;

/// <summary>The regular expressions that have scanners written by hand.</summary>
internal static class KnownPatterns
{
    private const string WordsAndDigits = @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}DIGITS| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    public static TextPattern? Find(string source) => source switch
    {
        @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
            or @"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+" => new Gpt2Pattern(),
        " {2,}" => new SpaceRunPattern(),
        _ when source == WordsAndDigits.Replace("DIGITS", "", StringComparison.Ordinal) => new WordPattern(maxDigits: 1),
        _ when source == WordsAndDigits.Replace("DIGITS", "{1,3}", StringComparison.Ordinal) => new WordPattern(maxDigits: 3),
        _ => null,
    };
}
