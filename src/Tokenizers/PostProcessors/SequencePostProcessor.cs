namespace LlmService.Tokenizers.PostProcessors;

/// <summary>Post-processors one after the other.</summary>
internal sealed class SequencePostProcessor(PostProcessor[] steps) : PostProcessor
{
    public static SequencePostProcessor Create(JsonPart json)
    {
        json.AllowOnly("type", "processors");
        return new SequencePostProcessor([.. json.Get("processors").Items().Select(Read)]);
    }

    public override EncodingBuilder Apply(EncodingBuilder encoding, bool addSpecialTokens)
    {
        foreach (PostProcessor step in steps) encoding = step.Apply(encoding, addSpecialTokens);
        return encoding;
    }
}
