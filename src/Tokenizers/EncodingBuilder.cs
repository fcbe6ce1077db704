namespace LlmService.Tokenizers;

/// <summary>An encoding while the post-processor works on it.</summary>
internal sealed class EncodingBuilder(string text, int capacity)
{
    /// <summary>The original text.</summary>
    public string Text { get; } = text;

    public List<int> Ids { get; } = new(capacity);

    public List<string> Tokens { get; } = new(capacity);

    public List<TextRange> Offsets { get; } = new(capacity);

    public List<int> TypeIds { get; } = new(capacity);

    public List<bool> Mask { get; } = new(capacity);

    public void Add(int id, string token, TextRange offsets, int typeId, bool special)
    {
        Ids.Add(id);
        Tokens.Add(token);
        Offsets.Add(offsets);
        TypeIds.Add(typeId);
        Mask.Add(special);
    }

    public Encoding Build() => new(Ids, Tokens, Offsets, TypeIds, Mask);
}
