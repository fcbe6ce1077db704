namespace LlmService.Tokenizers.Normalizers;

/// <summary>Every UTF-8 byte as a visible character.</summary>
internal sealed class ByteLevelNormalizer : Normalizer
{
    public override void Apply(AlignedText text)
    {
        if (text.Length == 0) return;
        text.BeginRewrite(text.Length + text.Length / 4);
        ByteAlphabet.Spell(text, 0, text.Length);
        text.EndRewrite();
    }
}
