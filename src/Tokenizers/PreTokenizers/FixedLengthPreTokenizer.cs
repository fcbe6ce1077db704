using LlmService.Tokenizers.Unicode;

namespace LlmService.Tokenizers.PreTokenizers;

/// <summary>Cuts after every so many characters.</summary>
internal sealed class FixedLengthPreTokenizer(int length) : PreTokenizer
{
    private const int DefaultLength = 5;

    public static FixedLengthPreTokenizer Create(JsonPart json)
    {
        json.AllowOnly("type", "length");
        int length = json.Find("length")?.AsCount() ?? DefaultLength;
        return length > 0 ? new FixedLengthPreTokenizer(length) : throw json.Get("length").Corrupt("must be above zero");
    }

    public override void Apply(PreTokenizedText text)
    {
        text.BeginCut();
        foreach (Piece piece in text.Pieces)
        {
            if (piece.IsText) Split(text, piece);
            else text.Keep(piece);
        }

        text.EndCut();
    }

    private void Split(PreTokenizedText text, Piece piece)
    {
        int start = piece.Start, count = 0;
        for (int i = piece.Start; i < piece.End;)
        {
            i += CodePoints.Utf16Length(CodePoints.At(text.Text.Span, i));
            if (++count < length) continue;
            text.Cut(start, i);
            start = i;
            count = 0;
        }

        text.Cut(start, piece.End);
    }
}
