using LlmService.Tokenizers.Unicode;

namespace LlmService.Tokenizers.PreTokenizers;

/// <summary>Cuts where the script changes. Spaces and characters without a script go with what stands before them; kana counts as Han.</summary>
internal sealed class UnicodeScriptsPreTokenizer : PreTokenizer
{
    private const int ProlongedSoundMark = 0x30FC;
    private const int Any = 0;

    private static readonly int Han = Array.IndexOf(CharacterData.ScriptNames, "Han");
    private static readonly int Hiragana = Array.IndexOf(CharacterData.ScriptNames, "Hiragana");
    private static readonly int Katakana = Array.IndexOf(CharacterData.ScriptNames, "Katakana");

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

    private static void Split(PreTokenizedText text, Piece piece)
    {
        ReadOnlySpan<char> span = text.Text.Span[..piece.End];

        // The reference looks at the script of the first character too: a text that starts with one that has none loses what stands before the first that has.
        int start = -1, last = -1;
        for (int i = piece.Start; i < span.Length;)
        {
            int codePoint = CodePoints.At(span, i);
            int script = ScriptOf(codePoint);
            if (script != Any && last != script)
            {
                if (start >= 0) text.Cut(start, i);
                start = i;
            }

            if (script != Any) last = script;
            i += CodePoints.Utf16Length(codePoint);
        }

        if (start >= 0) text.Cut(start, piece.End);
    }

    private static int ScriptOf(int codePoint)
    {
        if (codePoint == ' ') return Any;
        if (codePoint == ProlongedSoundMark) return Han;
        int script = OlderData.Script(codePoint);
        return script == Hiragana || script == Katakana ? Han : script;
    }
}
