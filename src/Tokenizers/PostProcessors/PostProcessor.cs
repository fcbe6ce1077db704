namespace LlmService.Tokenizers.PostProcessors;

/// <summary>Adds special tokens and corrects offsets: the key <c>post_processor</c>.</summary>
internal abstract class PostProcessor
{
    /// <summary>Changes what stands around the texts, and the places of their tokens.</summary>
    /// <param name="tokenizer">Knows how tokens are spelled.</param>
    public abstract void Apply(EncodingLayout layout, Tokenizer tokenizer, bool addSpecialTokens);

    /// <summary>How many special tokens it adds to a text or to a pair.</summary>
    public abstract int AddedTokens(bool isPair);

    /// <summary>Whether it leaves more groups than there are texts, which no template can take.</summary>
    public virtual bool Regroups => false;

    public static PostProcessor Read(JsonPart json)
    {
        JsonPart type = json.Get("type");
        return type.AsString() switch
        {
            "Sequence" => SequencePostProcessor.Create(json),
            "TemplateProcessing" => TemplatePostProcessor.Create(json),
            "ByteLevel" => ByteLevelPostProcessor.Create(json),
            "BertProcessing" => BertPostProcessor.Create(json),
            "RobertaProcessing" => RobertaPostProcessor.Create(json),
            string name => throw type.Unsupported($"names the post-processor '{name}', which this library does not know"),
        };
    }

    /// <summary>Reads a token and its id: an array of two.</summary>
    protected static LayoutPart ReadToken(JsonPart json)
    {
        JsonPart[] items = [.. json.Items()];
        return items.Length == 2 ? new LayoutPart(-1, items[1].AsCount(), items[0].AsString(), 0, -1) : throw json.Corrupt("must be a token and its id");
    }
}
