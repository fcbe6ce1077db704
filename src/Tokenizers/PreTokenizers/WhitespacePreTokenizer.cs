using LlmService.Tokenizers.Patterns;
using LlmService.Tokenizers.Unicode;

namespace LlmService.Tokenizers.PreTokenizers;

/// <summary>Words and runs of other characters, <c>\w+|[^\w\s]+</c>; white space is dropped.</summary>
internal sealed class WhitespacePreTokenizer : PreTokenizer
{
    private static readonly Splitter Words = new(new WordsPattern(), SplitBehavior.Removed, invert: true);

    public override void Apply(PreTokenizedText text) => Words.Split(text);

    private sealed class WordsPattern : TextPattern
    {
        public override bool Find(ReadOnlySpan<char> text, int from, out int start, out int end)
        {
            start = from;
            while (start < text.Length && CodePoints.IsWhiteSpace(text[start])) start++;
            end = start;
            bool word = start < text.Length && CodePoints.IsWord(CodePoints.At(text, start));
            while (end < text.Length)
            {
                int codePoint = CodePoints.At(text, end);
                if (CodePoints.IsWhiteSpace(codePoint) || CodePoints.IsWord(codePoint) != word) break;
                end += CodePoints.Utf16Length(codePoint);
            }

            return end > start;
        }
    }
}
