using LlmService.Tokenizers.Patterns;

namespace LlmService.Tokenizers.PreTokenizers;

/// <summary>Cuts the text into pieces that the model sees one by one: the key <c>pre_tokenizer</c>.</summary>
internal abstract class PreTokenizer
{
    public abstract void Apply(PreTokenizedText text);

    public static PreTokenizer Read(JsonPart json)
    {
        JsonPart type = json.Get("type");
        return type.AsString() switch
        {
            "Sequence" => SequencePreTokenizer.Create(json),
            "WhitespaceSplit" => new WhitespaceSplitPreTokenizer(),
            "Metaspace" => MetaspacePreTokenizer.Create(json),
            "ByteLevel" => ByteLevelPreTokenizer.Create(json),
            "Split" => SplitPreTokenizer.Create(json),
            "Digits" => DigitsPreTokenizer.Create(json),
            string name => throw type.Unsupported($"names the pre-tokenizer '{name}', which this library does not know"),
        };
    }

    /// <summary>Cuts every piece at the matches of a pattern.</summary>
    protected static void SplitAll(PreTokenizedText text, TextPattern pattern, SplitBehavior behavior, bool invert) =>
        text.Split((source, piece, output) => Splitter.Split(source, piece, pattern, behavior, invert, output));
}
