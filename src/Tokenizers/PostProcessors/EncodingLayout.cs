namespace LlmService.Tokenizers.PostProcessors;

/// <summary>A special token, or one of the texts, in the order of the result.</summary>
/// <param name="Text">0 for the tokens of the first text, 1 for those of the second, -1 for a special token.</param>
/// <param name="Id">The id of a special token.</param>
/// <param name="Token">The string of a special token.</param>
/// <param name="TypeId">As the post-processor sets it.</param>
/// <param name="Sequence">What the result says of where the tokens come from: 0, 1 or -1.</param>
internal readonly record struct LayoutPart(int Text, int Id, string Token, int TypeId, int Sequence);

/// <summary>What the post-processor works on: the parts of the result, grouped as it sees them. It is kept for the next call.</summary>
internal sealed class EncodingLayout
{
    private PooledList<LayoutPart> _parts = new(), _newParts = new();
    private PooledList<int> _ends = new(), _newEnds = new();

    /// <summary>The tokens of the first text.</summary>
    public TokenizedText First { get; } = new();

    /// <summary>The tokens of the second text.</summary>
    public TokenizedText Second { get; } = new();

    public bool IsPair { get; private set; }

    /// <summary>At first there is one group for each text.</summary>
    public int GroupCount => _ends.Count;

    /// <summary>Takes the texts as they are.</summary>
    public void Reset(bool isPair)
    {
        IsPair = isPair;
        BeginGroups();
        for (int text = 0; text < (isPair ? 2 : 1); text++)
        {
            Add(new LayoutPart(text, -1, "", text, text));
            EndGroup();
        }

        EndGroups();
    }

    public Span<LayoutPart> Group(int index) => _parts.Span[(index == 0 ? 0 : _ends[index - 1]).._ends[index]];

    /// <summary>Starts new groups; the old ones stay readable until <see cref="EndGroups"/>.</summary>
    public void BeginGroups()
    {
        _newParts.Clear();
        _newEnds.Clear();
    }

    /// <summary>Adds a part to the group that is being made.</summary>
    public void Add(LayoutPart part) => _newParts.Add(part);

    /// <summary>Adds parts to the group that is being made.</summary>
    public void Add(ReadOnlySpan<LayoutPart> parts) => _newParts.AddRange(parts);

    public void EndGroup() => _newEnds.Add(_newParts.Count);

    /// <summary>The new groups take the place of the old ones.</summary>
    public void EndGroups()
    {
        (_parts, _newParts) = (_newParts, _parts);
        (_ends, _newEnds) = (_newEnds, _ends);
    }

    /// <summary>Writes the result.</summary>
    public Encoding Build(Tokenizer tokenizer)
    {
        ReadOnlySpan<LayoutPart> parts = _parts.Span;
        EncodingSegment[] segments = new EncodingSegment[parts.Length];
        int count = 0;
        for (int i = 0; i < parts.Length; i++)
        {
            LayoutPart part = parts[i];
            segments[i] = new EncodingSegment(part.Text < 0 ? 1 : TextOf(part).Count, part.TypeId, part.Sequence, IsSpecial: part.Text < 0, IsAttended: true);
            count += segments[i].Length;
        }

        EncodingArrays arrays = new(count);
        foreach (LayoutPart part in parts)
        {
            if (part.Text < 0) arrays.Add(part.Id, part.Token, tokenizer.SpellingOf(part.Id));
            else arrays.Add(TextOf(part));
        }

        return arrays.Build(tokenizer, segments);
    }

    /// <summary>Gives all buffers back.</summary>
    public void Release()
    {
        First.Release();
        Second.Release();
        _parts.Release();
        _newParts.Release();
        _ends.Release();
        _newEnds.Release();
    }

    private TokenizedText TextOf(LayoutPart part) => part.Text == 0 ? First : Second;
}
