using LlmService.Tokenizers.Patterns;
using LlmService.Tokenizers.Unicode;

namespace LlmService.Tokenizers.PreTokenizers;

/// <summary>Cuts at punctuation.</summary>
internal sealed class PunctuationPreTokenizer(SplitBehavior behavior) : PreTokenizer
{
    private readonly Splitter _splitter = new(new CharacterPattern(OlderData.IsPunctuation), behavior);

    public static PunctuationPreTokenizer Create(JsonPart json)
    {
        json.AllowOnly("type", "behavior");
        return new PunctuationPreTokenizer(json.Find("behavior") is JsonPart behavior ? Splitter.ReadBehavior(behavior) : SplitBehavior.Isolated);
    }

    public override void Apply(PreTokenizedText text) => _splitter.Split(text);
}
