using LlmService.Tokenizers.Unicode;

namespace LlmService.Tokenizers.Normalizers;

/// <summary>Lower case, character by character: a final sigma is like any other.</summary>
internal sealed class LowercaseNormalizer : Normalizer
{
    public override void Apply(AlignedText text) => Lower(text);

    public static void Lower(AlignedText text)
    {
        if (!text.Span.ContainsAnyInRange('A', 'Z') && !text.Span.ContainsAnyExceptInRange('\0', '\u007F')) return;
        text.BeginRewrite(text.Length + 8);
        for (int i = 0; i < text.Length;)
        {
            int codePoint = CodePoints.At(text.Span, i);
            (int start, int end) = (text.StartOf(i), text.EndOf(i));
            text.WriteCodePoint(CaseData.Lower(codePoint), start, end);
            if (codePoint == CaseData.CapitalIWithDot) text.WriteCodePoint(CaseData.DotAbove, start, end);
            i += CodePoints.Utf16Length(codePoint);
        }

        text.EndRewrite();
    }
}
