namespace LlmService.Tokenizers.Normalizers;

/// <summary>Normalizers one after the other.</summary>
internal sealed class SequenceNormalizer(Normalizer[] steps) : Normalizer
{
    public static SequenceNormalizer Create(JsonPart json)
    {
        json.AllowOnly("type", "normalizers");
        return new SequenceNormalizer([.. json.Get("normalizers").Items().Select(Read)]);
    }

    public override void Apply(AlignedText text)
    {
        foreach (Normalizer step in steps) step.Apply(text);
    }
}
