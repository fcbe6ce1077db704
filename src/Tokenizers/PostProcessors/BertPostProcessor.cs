namespace LlmService.Tokenizers.PostProcessors;

/// <summary>BERT's: [CLS] first [SEP] second [SEP].</summary>
internal sealed class BertPostProcessor(LayoutPart separator, LayoutPart start) : PostProcessor
{
    public static BertPostProcessor Create(JsonPart json)
    {
        json.AllowOnly("type", "sep", "cls");
        return new BertPostProcessor(ReadToken(json.Get("sep")), ReadToken(json.Get("cls")));
    }

    public override int AddedTokens(bool isPair) => isPair ? 3 : 2;

    public override void Apply(EncodingLayout layout, bool addSpecialTokens)
    {
        if (!addSpecialTokens) return;
        for (int i = 0; i < layout.Groups.Count; i++)
        {
            List<LayoutPart> group = layout.Groups[i];
            if (i == 0) group.Insert(0, start);
            group.Add(separator with { TypeId = i == 0 ? 0 : 1 });
        }
    }
}
