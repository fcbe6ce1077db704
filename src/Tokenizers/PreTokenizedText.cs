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
internal sealed class PreTokenizedText(AlignedText text)
{
    public AlignedText Text { get; private set; } = text;

    public List<Piece> Pieces { get; private set; } = [];

    /// <summary>Replaces the buffer; <paramref name="rewrite"/> appends the new form of one piece to it.</summary>
    public void Rewrite(Action<AlignedText, Piece, AlignedText> rewrite)
    {
        AlignedText next = new(Text.Length + Text.Length / 8 + 16, Text.Origin);
        for (int i = 0; i < Pieces.Count; i++)
        {
            Piece piece = Pieces[i];
            int start = next.Length;
            if (piece.IsText) rewrite(Text, piece, next);
            else next.Append(Text, piece.Start, piece.End);
            Pieces[i] = piece with { Start = start, End = next.Length };
        }

        Text = next;
    }

    /// <summary>Cuts every text piece; <paramref name="split"/> appends the non-empty ranges that stay.</summary>
    public void Split(Action<AlignedText, Piece, List<Piece>> split)
    {
        List<Piece> next = new(Pieces.Count * 2);
        foreach (Piece piece in Pieces)
        {
            if (piece.IsText) split(Text, piece, next);
            else next.Add(piece);
        }

        Pieces = next;
    }
}
