namespace LlmService.Tokenizers.PostProcessors;

/// <summary>Puts special tokens around a text, or around a pair, as templates say.</summary>
internal sealed class TemplatePostProcessor(TemplatePostProcessor.Part[] single, TemplatePostProcessor.Part[] pair) : PostProcessor
{
    /// <summary>One of the texts when there are no tokens, else special tokens.</summary>
    internal sealed record Part(int Text, int TypeId, LayoutPart[]? Tokens);

    public override bool Regroups => true;

    public static TemplatePostProcessor Create(JsonPart json)
    {
        json.AllowOnly("type", "single", "pair", "special_tokens");
        Dictionary<string, LayoutPart[]> special = new(StringComparer.Ordinal);
        foreach ((string name, JsonPart token) in json.Get("special_tokens").Members()) special[name] = ReadTokens(token);
        return new TemplatePostProcessor(
            [.. json.Get("single").Items().Select(part => ReadPart(part, special, isPair: false))],
            [.. json.Get("pair").Items().Select(part => ReadPart(part, special, isPair: true))]);
    }

    public override int AddedTokens(bool isPair) => (isPair ? pair : single).Sum(part => part.Tokens?.Length ?? 0);

    public override void Apply(EncodingLayout layout, Tokenizer tokenizer, bool addSpecialTokens)
    {
        layout.BeginGroups();
        foreach (Part part in layout.IsPair ? pair : single)
        {
            if (part.Tokens is not null && !addSpecialTokens) continue;
            if (part.Tokens is null) foreach (LayoutPart old in layout.Group(part.Text)) layout.Add(old with { TypeId = part.TypeId, Sequence = part.Text });
            else foreach (LayoutPart token in part.Tokens) layout.Add(token with { TypeId = part.TypeId });
            layout.EndGroup();
        }

        layout.EndGroups();
    }

    private static LayoutPart[] ReadTokens(JsonPart json)
    {
        json.AllowOnly("id", "ids", "tokens");
        int[] ids = [.. json.Get("ids").Items().Select(id => id.AsCount())];
        string[] tokens = [.. json.Get("tokens").Items().Select(token => token.AsString())];
        return ids.Length == tokens.Length ? [.. ids.Zip(tokens, (id, token) => new LayoutPart(-1, id, token, 0, -1))] : throw json.Corrupt("has not as many ids as tokens");
    }

    private static Part ReadPart(JsonPart json, Dictionary<string, LayoutPart[]> special, bool isPair)
    {
        json.AllowOnly("Sequence", "SpecialToken");
        if (json.Find("Sequence") is JsonPart sequence)
        {
            JsonPart id = sequence.Get("id");
            int text = id.AsString() switch { "A" => 0, "B" when isPair => 1, _ => throw id.Unsupported(isPair ? "must be 'A' or 'B'" : "must be 'A' in the template of one text") };
            return new Part(text, sequence.Get("type_id").AsCount(), null);
        }

        JsonPart token = json.Get("SpecialToken");
        JsonPart name = token.Get("id");
        return special.TryGetValue(name.AsString(), out LayoutPart[]? tokens)
            ? new Part(-1, token.Get("type_id").AsCount(), tokens)
            : throw name.Corrupt("names a token that special_tokens lacks");
    }
}
