namespace LlmService.Tokenizers.Patterns;

/// <summary>What <c>Split</c> and <c>Replace</c> look for. The regular expressions of well-known files have scanners written by hand.</summary>
internal abstract class TextPattern
{
    /// <summary>Whether the pattern wants one unit for every character, those beyond the basic plane too.</summary>
    public virtual bool NeedsStandIns => false;

    /// <summary>The unit that such a pattern wants for a character beyond the basic plane.</summary>
    public virtual char StandInOf(int codePoint) => throw new InvalidOperationException("The pattern takes characters as they are.");

    /// <summary>The first match that starts at or after an index.</summary>
    public abstract bool Find(ReadOnlySpan<char> text, int from, out int start, out int end);

    public static TextPattern Read(JsonPart json)
    {
        json.AllowOnly("String", "Regex");
        if (json.Find("String") is JsonPart literal) return new LiteralPattern(literal.AsString());
        JsonPart regex = json.Get("Regex");
        string source = regex.AsString();
        try
        {
            return KnownPatterns.Find(source) ?? new RegexPattern(source);
        }
        catch (FormatException e)
        {
            throw regex.Unsupported($"holds the regular expression '{source}', in which this library does not understand {e.Message}");
        }
    }
}
