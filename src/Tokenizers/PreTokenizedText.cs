namespace LlmService.Tokenizers;

/// <summary>A part of the text: still text (<see cref="TokenId"/> is negative), or an added token that was found.</summary>
/// <param name="Start">First unit in the text.</param>
/// <param name="End">End in the text.</param>
/// <param name="Origin">Where the part was cut from, in the original text.</param>
/// <param name="TokenId">The id of the added token, or -1.</param>
internal readonly record struct Piece(int Start, int End, int Origin, int TokenId)
{
    public bool IsText => TokenId < 0;
}

/// <summary>The text between added tokens and model: one buffer, and the pieces it is cut into.</summary>
internal sealed class PreTokenizedText
{
    private PooledList<Piece> _pieces = new();
    private PooledList<Piece> _next = new();

    public AlignedText Text { get; } = new();

    public ReadOnlySpan<Piece> Pieces => _pieces.Span;

    /// <summary>Takes a whole text as one piece.</summary>
    public void Reset(string text)
    {
        Text.Reset(text, 0, text.Length);
        Clear();
        if (text.Length > 0) Add(new Piece(0, text.Length, 0, -1));
    }

    public void Clear() => _pieces.Clear();

    public void Add(Piece piece) => _pieces.Add(piece);

    /// <summary>Starts a new list of pieces; the old one stays readable until <see cref="EndCut"/>.</summary>
    public void BeginCut()
    {
        _next.Clear();
        _next.Reserve(_pieces.Count);
    }

    /// <summary>Adds a part of the text to the new list.</summary>
    public void Cut(int start, int end)
    {
        if (end > start) _next.Add(new Piece(start, end, Text.StartOf(start), -1));
    }

    /// <summary>Adds a piece to the new list as it is.</summary>
    public void Keep(Piece piece) => _next.Add(piece);

    /// <summary>The new list takes the place of the old one.</summary>
    public void EndCut() => (_pieces, _next) = (_next, _pieces);

    /// <summary>Tells where a piece lies in a text that is being rewritten.</summary>
    public void Move(int index, int start) => _pieces[index] = _pieces[index] with { Start = start, End = Text.Written };

    /// <summary>Gives the buffers back.</summary>
    public void Release()
    {
        Text.Release();
        _pieces.Release();
        _next.Release();
    }
}
