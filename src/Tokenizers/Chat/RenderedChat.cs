namespace LlmService.Tokenizers.Chat;

/// <summary>A conversation as a prompt.</summary>
/// <param name="Text">The prompt.</param>
/// <param name="DataRanges">Which parts of it came from messages, tools, documents and variables and not from the template; in order, apart from each other.</param>
public sealed record RenderedChat(string Text, IReadOnlyList<TextRange> DataRanges)
{
    /// <summary>Tokenizes the prompt. Spellings of special tokens are tokens where the template wrote them, and text where the data did.
    /// Nothing is added before or behind: the template says what there is.</summary>
    public Encoding Encode(Tokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        return tokenizer.Encode(Text, null, new EncodeOptions { SpecialTokens = SpecialTokens.Skip, PlainRanges = DataRanges });
    }
}
