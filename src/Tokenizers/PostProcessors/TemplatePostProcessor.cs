namespace LlmService.Tokenizers.PostProcessors;

/// <summary>Puts special tokens around a text as a template says.</summary>
internal sealed class TemplatePostProcessor(TemplatePostProcessor.Part[] single) : PostProcessor
{
    /// <summary>The text when there are no tokens, else special tokens.</summary>
    internal sealed record Part(int TypeId, (int Id, string Token)[]? Tokens);

    public static TemplatePostProcessor Create(JsonPart json)
    {
        json.AllowOnly("type", "single", "pair", "special_tokens");
        Dictionary<string, (int Id, string Token)[]> special = new(StringComparer.Ordinal);
        foreach ((string name, JsonPart token) in json.Get("special_tokens").Members()) special[name] = ReadTokens(token);
        return new TemplatePostProcessor([.. json.Get("single").Items().Select(part => ReadPart(part, special))]);
    }

    public override EncodingBuilder Apply(EncodingBuilder encoding, bool addSpecialTokens)
    {
        EncodingBuilder result = new(encoding.Text, encoding.Ids.Count + single.Length);
        foreach (Part part in single)
        {
            if (part.Tokens is null)
            {
                for (int i = 0; i < encoding.Ids.Count; i++)
                    result.Add(encoding.Ids[i], encoding.Tokens[i], encoding.Offsets[i], part.TypeId, encoding.Mask[i]);
            }
            else if (addSpecialTokens)
            {
                foreach ((int id, string token) in part.Tokens) result.Add(id, token, default, part.TypeId, special: true);
            }
        }

        return result;
    }

    private static (int Id, string Token)[] ReadTokens(JsonPart json)
    {
        json.AllowOnly("id", "ids", "tokens");
        int[] ids = [.. json.Get("ids").Items().Select(id => id.AsCount())];
        string[] tokens = [.. json.Get("tokens").Items().Select(token => token.AsString())];
        return ids.Length == tokens.Length ? [.. ids.Zip(tokens)] : throw json.Corrupt("has not as many ids as tokens");
    }

    private static Part ReadPart(JsonPart json, Dictionary<string, (int Id, string Token)[]> special)
    {
        json.AllowOnly("Sequence", "SpecialToken");
        if (json.Find("Sequence") is JsonPart sequence)
        {
            JsonPart id = sequence.Get("id");
            return id.AsString() == "A" ? new Part(sequence.Get("type_id").AsCount(), null) : throw id.Unsupported("must be 'A' in the template of one text");
        }

        JsonPart token = json.Get("SpecialToken");
        JsonPart name = token.Get("id");
        return special.TryGetValue(name.AsString(), out (int Id, string Token)[]? tokens)
            ? new Part(token.Get("type_id").AsCount(), tokens)
            : throw name.Corrupt("names a token that special_tokens lacks");
    }
}
