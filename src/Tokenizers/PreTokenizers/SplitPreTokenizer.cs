using LlmService.Tokenizers.Patterns;

namespace LlmService.Tokenizers.PreTokenizers;

/// <summary>Cuts at the matches of a text or a regular expression.</summary>
internal sealed class SplitPreTokenizer(TextPattern pattern, SplitBehavior behavior, bool invert) : PreTokenizer
{
    public static SplitPreTokenizer Create(JsonPart json)
    {
        json.AllowOnly("type", "pattern", "behavior", "invert");
        JsonPart behavior = json.Get("behavior");
        return new SplitPreTokenizer(TextPattern.Read(json.Get("pattern")), ReadBehavior(behavior), json.Boolean("invert", absent: false));
    }

    public override void Apply(PreTokenizedText text) => SplitAll(text, pattern, behavior, invert);

    private static SplitBehavior ReadBehavior(JsonPart json) => json.AsString() switch
    {
        "Removed" => SplitBehavior.Removed,
        "Isolated" => SplitBehavior.Isolated,
        "MergedWithPrevious" => SplitBehavior.MergedWithPrevious,
        "MergedWithNext" => SplitBehavior.MergedWithNext,
        "Contiguous" => SplitBehavior.Contiguous,
        string name => throw json.Unsupported($"is '{name}', which this library does not know"),
    };
}
