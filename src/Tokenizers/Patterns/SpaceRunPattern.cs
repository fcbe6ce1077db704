namespace LlmService.Tokenizers.Patterns;

/// <summary>Two or more spaces: <c> {2,}</c>.</summary>
internal sealed class SpaceRunPattern : TextPattern
{
    public override bool Find(ReadOnlySpan<char> text, int from, out int start, out int end)
    {
        start = end = 0;
        int found = text[from..].IndexOf("  ", StringComparison.Ordinal);
        if (found < 0) return false;
        start = from + found;
        end = start + 2;
        while (end < text.Length && text[end] == ' ') end++;
        return true;
    }
}
