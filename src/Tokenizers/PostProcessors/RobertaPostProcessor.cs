namespace LlmService.Tokenizers.PostProcessors;

/// <summary>RoBERTa's: &lt;s&gt; first &lt;/s&gt; &lt;/s&gt; second &lt;/s&gt;, all of type 0.</summary>
internal sealed class RobertaPostProcessor(LayoutPart separator, LayoutPart start, bool trimOffsets, bool addPrefixSpace) : PostProcessor
{
    public static RobertaPostProcessor Create(JsonPart json)
    {
        json.AllowOnly("type", "sep", "cls", "trim_offsets", "add_prefix_space");
        return new RobertaPostProcessor(
            ReadToken(json.Get("sep")), ReadToken(json.Get("cls")), json.Boolean("trim_offsets"), json.Boolean("add_prefix_space"));
    }

    public override int AddedTokens(bool isPair) => isPair ? 4 : 2;

    public override void Apply(EncodingLayout layout, Tokenizer tokenizer, bool addSpecialTokens)
    {
        if (trimOffsets) OffsetTrimmer.Trim(layout, tokenizer, addPrefixSpace);
        layout.BeginGroups();
        for (int i = 0; i < layout.GroupCount; i++)
        {
            if (addSpecialTokens) layout.Add(i == 0 ? start : separator);
            foreach (LayoutPart part in layout.Group(i)) layout.Add(part with { TypeId = 0 });
            if (addSpecialTokens) layout.Add(separator);
            layout.EndGroup();
        }

        layout.EndGroups();
    }
}
