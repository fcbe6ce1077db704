namespace LlmService.Tokenizers.PostProcessors;

/// <summary>Adds special tokens and corrects offsets: the key <c>post_processor</c>.</summary>
internal abstract class PostProcessor
{
    public abstract EncodingBuilder Apply(EncodingBuilder encoding, bool addSpecialTokens);

    public static PostProcessor Read(JsonPart json)
    {
        JsonPart type = json.Get("type");
        return type.AsString() switch
        {
            "Sequence" => SequencePostProcessor.Create(json),
            "TemplateProcessing" => TemplatePostProcessor.Create(json),
            "ByteLevel" => ByteLevelPostProcessor.Create(json),
            string name => throw type.Unsupported($"names the post-processor '{name}', which this library does not know"),
        };
    }
}
