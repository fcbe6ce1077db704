namespace LlmService.Tokenizers.PostProcessors;

/// <summary>Takes the white space at the ends of tokens out of their offsets.</summary>
internal sealed class ByteLevelPostProcessor(bool addPrefixSpace, bool trimOffsets) : PostProcessor
{
    public static ByteLevelPostProcessor Create(JsonPart json)
    {
        json.AllowOnly("type", "add_prefix_space", "trim_offsets", "use_regex");
        return new ByteLevelPostProcessor(json.Boolean("add_prefix_space"), json.Boolean("trim_offsets"));
    }

    public override int AddedTokens(bool isPair) => 0;

    public override void Apply(EncodingLayout layout, Tokenizer tokenizer, bool addSpecialTokens)
    {
        if (trimOffsets) OffsetTrimmer.Trim(layout, tokenizer, addPrefixSpace);

        // The reference numbers the groups anew, special tokens among them.
        for (int i = 0; i < layout.GroupCount; i++)
            foreach (ref LayoutPart part in layout.Group(i)) part = part with { Sequence = i };
    }
}
