namespace LlmService.Tokenizers.PreTokenizers;

/// <summary>Cuts the text into pieces that the model sees one by one: the key <c>pre_tokenizer</c>.</summary>
internal abstract class PreTokenizer
{
    public abstract void Apply(PreTokenizedText text);

    /// <summary>The same without the last step, when that only spells bytes: a model that takes bytes needs no spelling.</summary>
    public virtual PreTokenizer? WithoutSpelling() => null;

    public static PreTokenizer Read(JsonPart json)
    {
        JsonPart type = json.Get("type");
        return type.AsString() switch
        {
            "Sequence" => SequencePreTokenizer.Create(json),
            "WhitespaceSplit" => new WhitespaceSplitPreTokenizer(),
            "Whitespace" => new WhitespacePreTokenizer(),
            "Metaspace" => MetaspacePreTokenizer.Create(json),
            "ByteLevel" => ByteLevelPreTokenizer.Create(json),
            "Split" => SplitPreTokenizer.Create(json),
            "Digits" => DigitsPreTokenizer.Create(json),
            "Punctuation" => PunctuationPreTokenizer.Create(json),
            "BertPreTokenizer" => new BertPreTokenizer(),
            "CharDelimiterSplit" => CharDelimiterSplitPreTokenizer.Create(json),
            "UnicodeScripts" => new UnicodeScriptsPreTokenizer(),
            "FixedLength" => FixedLengthPreTokenizer.Create(json),
            string name => throw type.Unsupported($"names the pre-tokenizer '{name}', which this library does not know"),
        };
    }
}
