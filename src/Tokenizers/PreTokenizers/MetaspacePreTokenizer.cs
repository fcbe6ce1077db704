using LlmService.Tokenizers.Patterns;

namespace LlmService.Tokenizers.PreTokenizers;

/// <summary>Turns spaces into a visible mark, writes one before the text, and cuts before each mark.</summary>
internal sealed class MetaspacePreTokenizer(MetaspaceScheme scheme) : PreTokenizer
{
    private readonly Splitter _splitter = new(new LiteralPattern(scheme.Mark.ToString()), SplitBehavior.MergedWithNext);

    public static MetaspacePreTokenizer Create(JsonPart json) => new(MetaspaceScheme.Read(json));

    public override void Apply(PreTokenizedText text)
    {
        Mark(text);
        if (scheme.Split) _splitter.Split(text);
    }

    private void Mark(PreTokenizedText pieces)
    {
        AlignedText text = pieces.Text;
        text.BeginRewrite(text.Length + pieces.Pieces.Length);
        for (int i = 0; i < pieces.Pieces.Length; i++)
        {
            Piece piece = pieces.Pieces[i];
            int start = text.Written;
            if (piece.IsText) Mark(text, piece);
            else text.Copy(piece.Start, piece.End);
            pieces.Move(i, start);
        }

        text.EndRewrite();
    }

    private void Mark(AlignedText text, Piece piece)
    {
        char first = text.Span[piece.Start];
        bool prepend = scheme.Prepend == PrependScheme.Always || (scheme.Prepend == PrependScheme.First && piece.Origin == 0);
        if (prepend && first != ' ' && first != scheme.Mark) text.Write(scheme.Mark, piece.Start);
        ReadOnlySpan<char> span = text.Span[..piece.End];
        for (int i = piece.Start; i < span.Length; i++) text.Write(span[i] == ' ' ? scheme.Mark : span[i], i);
    }
}
