using LlmService.Tokenizers.Patterns;

namespace LlmService.Tokenizers.PreTokenizers;

/// <summary>Cuts at one character and drops it.</summary>
internal sealed class CharDelimiterSplitPreTokenizer(string delimiter) : PreTokenizer
{
    private readonly Splitter _splitter = new(new LiteralPattern(delimiter), SplitBehavior.Removed);

    public static CharDelimiterSplitPreTokenizer Create(JsonPart json)
    {
        json.AllowOnly("type", "delimiter");
        return new CharDelimiterSplitPreTokenizer(json.Get("delimiter").AsCharacter());
    }

    public override void Apply(PreTokenizedText text) => _splitter.Split(text);
}
