using LlmService.Tokenizers.Patterns;

namespace LlmService.Tokenizers.PreTokenizers;

/// <summary>GPT-2's cutting, and every UTF-8 byte as a visible character.</summary>
internal sealed class ByteLevelPreTokenizer(bool addPrefixSpace, bool useRegex, bool spell = true) : PreTokenizer
{
    private static readonly Splitter Words = new(new Gpt2Pattern(), SplitBehavior.Isolated);

    public static ByteLevelPreTokenizer Create(JsonPart json)
    {
        json.AllowOnly("type", "add_prefix_space", "trim_offsets", "use_regex");
        return new ByteLevelPreTokenizer(json.Boolean("add_prefix_space"), json.Boolean("use_regex", absent: true));
    }

    public override PreTokenizer WithoutSpelling() => new ByteLevelPreTokenizer(addPrefixSpace, useRegex, spell: false);

    public override void Apply(PreTokenizedText text)
    {
        if (addPrefixSpace) AddSpaces(text);
        if (useRegex) Words.Split(text);
        if (spell) Spell(text);
    }

    private static void AddSpaces(PreTokenizedText pieces)
    {
        AlignedText text = pieces.Text;
        text.BeginRewrite(text.Length + pieces.Pieces.Length);
        for (int i = 0; i < pieces.Pieces.Length; i++)
        {
            Piece piece = pieces.Pieces[i];
            int start = text.Written;
            if (piece.IsText && text.Span[piece.Start] != ' ') text.Write(' ', piece.Start);
            text.Copy(piece.Start, piece.End);
            pieces.Move(i, start);
        }

        text.EndRewrite();
    }

    private static void Spell(PreTokenizedText pieces)
    {
        AlignedText text = pieces.Text;
        text.BeginRewrite(text.Length + text.Length / 4);
        for (int i = 0; i < pieces.Pieces.Length; i++)
        {
            Piece piece = pieces.Pieces[i];
            int start = text.Written;
            if (piece.IsText) ByteAlphabet.Spell(text, piece.Start, piece.End);
            else text.Copy(piece.Start, piece.End);
            pieces.Move(i, start);
        }

        text.EndRewrite();
    }
}
