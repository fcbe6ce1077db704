using LlmService.Tokenizers.Patterns;

namespace LlmService.Tokenizers.PreTokenizers;

/// <summary>Cuts at the matches of a text or a regular expression.</summary>
internal sealed class SplitPreTokenizer(Splitter splitter) : PreTokenizer
{
    public static SplitPreTokenizer Create(JsonPart json)
    {
        json.AllowOnly("type", "pattern", "behavior", "invert");
        return new SplitPreTokenizer(new Splitter(
            TextPattern.Read(json.Get("pattern")), Splitter.ReadBehavior(json.Get("behavior")), json.Boolean("invert", absent: false)));
    }

    public override void Apply(PreTokenizedText text) => splitter.Split(text);
}
