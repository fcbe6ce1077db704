using LlmService.Tokenizers.Unicode;

namespace LlmService.Tokenizers.Normalizers;

/// <summary>Drops combining marks.</summary>
internal sealed class StripAccentsNormalizer : Normalizer
{
    public override void Apply(AlignedText text)
    {
        if (text.Span.ContainsAnyInRange('\u0300', '\uFFFF')) CharacterFilter.Apply(text, c => OlderData.IsMark(c) ? -1 : c);
    }
}
