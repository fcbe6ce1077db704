using LlmService.Tokenizers.Patterns;
using LlmService.Tokenizers.Unicode;

namespace LlmService.Tokenizers.PreTokenizers;

/// <summary>Cuts out numbers (of any script, fractions and circled ones too), one by one or in runs.</summary>
internal sealed class DigitsPreTokenizer(SplitBehavior behavior) : PreTokenizer
{
    private static readonly DigitPattern Pattern = new();

    public static DigitsPreTokenizer Create(JsonPart json)
    {
        json.AllowOnly("type", "individual_digits");
        return new DigitsPreTokenizer(json.Boolean("individual_digits") ? SplitBehavior.Isolated : SplitBehavior.Contiguous);
    }

    public override void Apply(PreTokenizedText text) => SplitAll(text, Pattern, behavior, invert: false);

    private sealed class DigitPattern : TextPattern
    {
        public override bool Find(ReadOnlySpan<char> text, int from, out int start, out int end)
        {
            for (start = from; start < text.Length; start = end)
            {
                int codePoint = CodePoints.At(text, start);
                end = start + CodePoints.Utf16Length(codePoint);
                if (CodePoints.IsNumeric(codePoint)) return true;
            }

            end = start;
            return false;
        }
    }
}
