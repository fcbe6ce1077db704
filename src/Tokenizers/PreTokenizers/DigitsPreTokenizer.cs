using LlmService.Tokenizers.Patterns;
using LlmService.Tokenizers.Unicode;

namespace LlmService.Tokenizers.PreTokenizers;

/// <summary>Cuts out numbers (of any script, fractions and circled ones too), one by one or in runs.</summary>
internal sealed class DigitsPreTokenizer(SplitBehavior behavior) : PreTokenizer
{
    private readonly Splitter _splitter = new(new CharacterPattern(OlderData.IsNumeric), behavior);

    public static DigitsPreTokenizer Create(JsonPart json)
    {
        json.AllowOnly("type", "individual_digits");
        return new DigitsPreTokenizer(json.Boolean("individual_digits") ? SplitBehavior.Isolated : SplitBehavior.Contiguous);
    }

    public override void Apply(PreTokenizedText text) => _splitter.Split(text);
}
