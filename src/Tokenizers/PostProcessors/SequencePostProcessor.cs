namespace LlmService.Tokenizers.PostProcessors;

/// <summary>Post-processors one after the other.</summary>
internal sealed class SequencePostProcessor(PostProcessor[] steps) : PostProcessor
{
    public override bool Regroups => steps.Any(step => step.Regroups);

    public static SequencePostProcessor Create(JsonPart json)
    {
        json.AllowOnly("type", "processors");
        List<PostProcessor> steps = [];
        foreach (JsonPart item in json.Get("processors").Items())
        {
            PostProcessor step = Read(item);
            if (step.Regroups && steps.Exists(earlier => earlier.Regroups)) throw item.Unsupported("is a template after another template");
            steps.Add(step);
        }

        return new SequencePostProcessor([.. steps]);
    }

    public override void Apply(EncodingLayout layout, Tokenizer tokenizer, bool addSpecialTokens)
    {
        foreach (PostProcessor step in steps) step.Apply(layout, tokenizer, addSpecialTokens);
    }

    public override int AddedTokens(bool isPair) => steps.Sum(step => step.AddedTokens(isPair));
}
