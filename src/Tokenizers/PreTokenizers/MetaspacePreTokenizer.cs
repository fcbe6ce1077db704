using LlmService.Tokenizers.Patterns;

namespace LlmService.Tokenizers.PreTokenizers;

/// <summary>Turns spaces into a visible mark, writes one before the text, and cuts before each mark.</summary>
internal sealed class MetaspacePreTokenizer(MetaspaceScheme scheme) : PreTokenizer
{
    private readonly LiteralPattern _mark = new(scheme.Mark.ToString());

    public static MetaspacePreTokenizer Create(JsonPart json) => new(MetaspaceScheme.Read(json));

    public override void Apply(PreTokenizedText text)
    {
        text.Rewrite(Mark);
        if (scheme.Split) SplitAll(text, _mark, SplitBehavior.MergedWithNext, invert: false);
    }

    private void Mark(AlignedText source, Piece piece, AlignedText output)
    {
        char first = source.Span[piece.Start];
        bool prepend = scheme.Prepend == PrependScheme.Always || (scheme.Prepend == PrependScheme.First && piece.Origin == 0);
        if (prepend && first != ' ' && first != scheme.Mark) output.Append(scheme.Mark, source.StartOf(piece.Start), source.EndOf(piece.Start));
        for (int i = piece.Start; i < piece.End; i++)
        {
            char c = source.Span[i];
            output.Append(c == ' ' ? scheme.Mark : c, source.StartOf(i), source.EndOf(i));
        }
    }
}
