
namespace LlmService.Tokenizers.PostProcessors;

/// <summary>A special token, or one of the texts, in the order of the result.</summary>
/// <param name="Text">0 for the tokens of the first text, 1 for those of the second, -1 for a special token.</param>
/// <param name="Id">The id of a special token.</param>
/// <param name="Token">The string of a special token.</param>
/// <param name="TypeId">As the post-processor sets it.</param>
/// <param name="Sequence">What the result says of where the tokens come from: 0, 1 or -1.</param>
internal readonly record struct LayoutPart(int Text, int Id, string Token, int TypeId, int Sequence);

/// <summary>What the post-processor works on: the parts of the result, grouped as it sees them.</summary>
internal sealed class EncodingLayout
{
    private readonly Tokenizer _tokenizer;

    public EncodingLayout(Tokenizer tokenizer, TokenizedText first, TokenizedText? second)
    {
        _tokenizer = tokenizer;
        Texts = second is null ? [first] : [first, second];
        Groups = [.. Texts.Select((_, i) => new List<LayoutPart> { new(i, -1, "", i, i) })];
    }

    /// <summary>The tokens of the texts.</summary>
    public TokenizedText[] Texts { get; }

    /// <summary>At first one group for each text.</summary>
    public List<List<LayoutPart>> Groups { get; set; }

    /// <summary>The string of a token.</summary>
    public string SpellingOf(int id) => _tokenizer.SpellingOf(id);

    /// <summary>Writes the result.</summary>
    public Encoding Build()
    {
        LayoutPart[] parts = [.. Groups.SelectMany(group => group)];
        EncodingSegment[] segments = [.. parts.Select(part =>
            new EncodingSegment(part.Text < 0 ? 1 : Texts[part.Text].Count, part.TypeId, part.Sequence, IsSpecial: part.Text < 0, IsAttended: true))];
        EncodingArrays arrays = new(segments.Sum(segment => segment.Length));
        foreach (LayoutPart part in parts)
        {
            if (part.Text < 0) arrays.Add(part.Id, part.Token, SpellingOf(part.Id));
            else arrays.Add(Texts[part.Text]);
        }

        return arrays.Build(_tokenizer, segments);
    }
}
