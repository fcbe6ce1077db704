using LlmService.Tokenizers.Patterns;
using LlmService.Tokenizers.Unicode;

namespace LlmService.Tokenizers.PreTokenizers;

/// <summary>Cuts at white space and drops it.</summary>
internal sealed class WhitespaceSplitPreTokenizer : PreTokenizer
{
    private static readonly Splitter Words = new(new WordPattern(), SplitBehavior.Removed, invert: true);

    public override void Apply(PreTokenizedText text) => Words.Split(text);

    private sealed class WordPattern : TextPattern
    {
        public override bool Find(ReadOnlySpan<char> text, int from, out int start, out int end)
        {
            start = from;
            while (start < text.Length && CodePoints.IsWhiteSpace(text[start])) start++;
            end = start;
            while (end < text.Length && !CodePoints.IsWhiteSpace(text[end])) end++;
            return end > start;
        }
    }
}
