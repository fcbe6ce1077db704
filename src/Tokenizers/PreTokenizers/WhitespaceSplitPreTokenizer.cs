using LlmService.Tokenizers.Patterns;
using LlmService.Tokenizers.Unicode;

namespace LlmService.Tokenizers.PreTokenizers;

/// <summary>Cuts at white space and drops it.</summary>
internal sealed class WhitespaceSplitPreTokenizer : PreTokenizer
{
    private static readonly WhiteSpacePattern Pattern = new();

    public override void Apply(PreTokenizedText text) => SplitAll(text, Pattern, SplitBehavior.Removed, invert: false);

    private sealed class WhiteSpacePattern : TextPattern
    {
        public override bool Find(ReadOnlySpan<char> text, int from, out int start, out int end)
        {
            start = from;
            while (start < text.Length && !CodePoints.IsWhiteSpace(text[start])) start++;
            end = start + 1;
            return start < text.Length;
        }
    }
}
