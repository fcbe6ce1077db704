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

    public override void Apply(EncodingLayout layout, Tokenizer tokenizer, bool addSpecialTokens)
    {
        if (!addSpecialTokens) return;
        layout.BeginGroups();
        for (int i = 0; i < layout.GroupCount; i++)
        {
            if (i == 0) layout.Add(start);
            layout.Add(layout.Group(i));
            layout.Add(separator with { TypeId = i == 0 ? 0 : 1 });
            layout.EndGroup();
        }

        layout.EndGroups();
    }
}
