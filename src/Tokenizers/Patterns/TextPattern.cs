namespace LlmService.Tokenizers.Patterns;

/// <summary>What <c>Split</c> and <c>Replace</c> look for. The regular expressions of real files have scanners written by hand.</summary>
internal abstract class TextPattern
{
    private const string Gpt2 = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
    private const string Gpt2Short = @"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
    private const string WordsAndDigits = @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}DIGITS| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <summary>The first match that starts at or after an index. Matches are never empty.</summary>
    public abstract bool Find(ReadOnlySpan<char> text, int from, out int start, out int end);

    public static TextPattern Read(JsonPart json)
    {
        json.AllowOnly("String", "Regex");
        if (json.Find("String") is JsonPart literal) return ReadLiteral(literal);
        JsonPart regex = json.Get("Regex");
        return regex.AsString() switch
        {
            Gpt2 or Gpt2Short => new Gpt2Pattern(),
            string s when s == WordsAndDigits.Replace("DIGITS", "") => new WordPattern(maxDigits: 1),
            string s when s == WordsAndDigits.Replace("DIGITS", "{1,3}") => new WordPattern(maxDigits: 3),
            " {2,}" => new SpaceRunPattern(),
            string s => throw regex.Unsupported($"holds the regular expression '{s}', which this library does not know"),
        };
    }

    private static LiteralPattern ReadLiteral(JsonPart literal)
    {
        string text = literal.AsString();
        return text.Length > 0 ? new LiteralPattern(text) : throw literal.Unsupported("is empty");
    }
}
