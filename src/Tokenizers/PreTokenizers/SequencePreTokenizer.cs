namespace LlmService.Tokenizers.PreTokenizers;

/// <summary>Pre-tokenizers one after the other.</summary>
internal sealed class SequencePreTokenizer(PreTokenizer[] steps) : PreTokenizer
{
    public static SequencePreTokenizer Create(JsonPart json)
    {
        json.AllowOnly("type", "pretokenizers");
        return new SequencePreTokenizer([.. json.Get("pretokenizers").Items().Select(Read)]);
    }

    public override void Apply(PreTokenizedText text)
    {
        foreach (PreTokenizer step in steps) step.Apply(text);
    }

    public override PreTokenizer? WithoutSpelling() =>
        steps.Length > 0 && steps[^1].WithoutSpelling() is PreTokenizer last ? new SequencePreTokenizer([.. steps[..^1], last]) : null;
}
