using LlmService.Tokenizers;

namespace LlmService.App.Tasks;

/// <summary>Cuts a document into parts that each fit a prompt. Together the parts are the document, character for character.</summary>
/// <remarks>The text is tokenized in windows that are a few parts long: the work grows with the length of the text, whatever it is.</remarks>
/// <param name="tokenizer">The model's.</param>
/// <param name="countTokens">How many tokens the prompt of a part has.</param>
/// <param name="maxTokens">What a prompt may have.</param>
internal sealed class DocumentSplitter(Tokenizer tokenizer, Func<string, int> countTokens, int maxTokens)
{
    private const int UsualCharactersPerToken = 4;

    /// <summary>The parts of a text; null when it takes more than <paramref name="maxParts"/>.</summary>
    /// <exception cref="AppException">context_length_exceeded: the prompt leaves no room.</exception>
    public List<string>? Split(string text, int maxParts, CancellationToken cancellationToken)
    {
        int room = maxTokens - countTokens("");
        if (room <= 0)
            throw NoRoom();
        List<string> parts = [];
        for (int start = 0; start < text.Length;)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (parts.Count == maxParts)
                return null;
            int end = EndOfPart(text, start, room);
            parts.Add(text[start..end]);
            start = end;
        }
        return parts;
    }

    private int EndOfPart(string text, int start, int room)
    {
        (int windowEnd, IReadOnlyList<TextRange> tokens) = ReadAhead(text, start, room);
        int count = Math.Min(room, tokens.Count);
        while (true)
        {
            int reach = count == tokens.Count ? windowEnd : Math.Max(start + 1, start + tokens[count - 1].End);
            int end = TextBoundary.Last(text, start, reach);
            // A part in its prompt may be tokenized a little differently than in its text.
            int excess = countTokens(text[start..end]) - maxTokens;
            if (excess <= 0)
                return end;
            count -= Math.Max(excess, count / 32);
            if (count <= 0)
                throw NoRoom();
        }
    }

    /// <summary>The tokens of what follows: as many as there is room for, and then some, unless the text ends before.</summary>
    private (int WindowEnd, IReadOnlyList<TextRange> Tokens) ReadAhead(string text, int start, int room)
    {
        for (long length = (long)room * UsualCharactersPerToken; ; length *= 2)
        {
            int end = (int)Math.Min(text.Length, start + length);
            IReadOnlyList<TextRange> tokens = tokenizer.Encode(text[start..end], SpecialTokens.Skip).Offsets;
            if (tokens.Count > room || end == text.Length)
                return (end, tokens);
        }
    }

    private AppException NoRoom() =>
        new(FailureCode.ContextLengthExceeded, $"The prompt of this task leaves no room for a document: it may have {maxTokens} tokens in all, and its own words take {countTokens("")}.")
        {
            Remedy = "Shorten the prompt in the configuration, or start the service with a larger --max-model-len.",
        };
}
