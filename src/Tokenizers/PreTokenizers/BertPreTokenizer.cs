using LlmService.Tokenizers.Patterns;
using LlmService.Tokenizers.Unicode;

namespace LlmService.Tokenizers.PreTokenizers;

/// <summary>BERT's: white space is dropped, punctuation stands alone.</summary>
internal sealed class BertPreTokenizer : PreTokenizer
{
    private static readonly Splitter Words = new(new BertPattern(), SplitBehavior.Removed, invert: true);

    public override void Apply(PreTokenizedText text) => Words.Split(text);

    private sealed class BertPattern : TextPattern
    {
        public override bool Find(ReadOnlySpan<char> text, int from, out int start, out int end)
        {
            start = from;
            while (start < text.Length && CodePoints.IsWhiteSpace(text[start])) start++;
            for (end = start; end < text.Length;)
            {
                int codePoint = CodePoints.At(text, end);
                bool punctuation = OlderData.IsPunctuation(codePoint);
                if (end > start && (punctuation || CodePoints.IsWhiteSpace(codePoint))) break;
                end += CodePoints.Utf16Length(codePoint);
                if (punctuation) break;
            }

            return end > start;
        }
    }
}
