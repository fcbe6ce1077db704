namespace LlmService.Tokenizers;

/// <summary>When Metaspace writes its mark before a text.</summary>
internal enum PrependScheme
{
    Always, First, Never,
}

/// <summary>The settings that Metaspace has as pre-tokenizer and as decoder, in today's and the older spelling.</summary>
internal readonly record struct MetaspaceScheme(char Mark, PrependScheme Prepend, bool Split)
{
    public static MetaspaceScheme Read(JsonPart json)
    {
        json.AllowOnly("type", "replacement", "str_rep", "add_prefix_space", "prepend_scheme", "split");
        JsonPart mark = json.Get("replacement");
        string text = mark.AsString();
        if (text.Length != 1) throw mark.Unsupported("must be one character of the basic plane");
        return new MetaspaceScheme(text[0], ReadPrepend(json), json.Boolean("split", absent: true));
    }

    private static PrependScheme ReadPrepend(JsonPart json)
    {
        JsonPart? given = json.Find("prepend_scheme");
        PrependScheme scheme = given?.AsString() switch
        {
            null or "always" => PrependScheme.Always,
            "first" => PrependScheme.First,
            "never" => PrependScheme.Never,
            string name => throw given!.Value.Unsupported($"is '{name}', which this library does not know"),
        };
        if (json.Boolean("add_prefix_space", absent: true)) return scheme;
        return given is null || scheme == PrependScheme.Never
            ? PrependScheme.Never
            : throw json.Corrupt("has an add_prefix_space that contradicts prepend_scheme");
    }
}
