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

    public override void Apply(EncodingLayout layout, bool addSpecialTokens)
    {
        if (trimOffsets) OffsetTrimmer.Trim(layout, addPrefixSpace);
        for (int i = 0; i < layout.Groups.Count; i++)
        {
            List<LayoutPart> group = layout.Groups[i];
            for (int p = 0; p < group.Count; p++) group[p] = group[p] with { TypeId = 0 };
            if (!addSpecialTokens) continue;
            group.Insert(0, i == 0 ? start : separator);
            group.Add(separator);
        }
    }
}
