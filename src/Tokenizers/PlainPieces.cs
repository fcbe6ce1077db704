using LlmService.Tokenizers.Models;
using LlmService.Tokenizers.Unicode;

namespace LlmService.Tokenizers;

/// <summary>Keeps a model from finding special tokens in plain text: some vocabularies hold their spellings like any other word.</summary>
internal sealed class PlainPieces(Model model, AddedVocabulary added)
{
    private readonly Lazy<CharTrie> _spellings = new(() =>
    {
        CharTrie trie = new();
        foreach (string spelling in added.SpecialSpellings) trie.Add(spelling, 0);
        return trie;
    });

    /// <summary>Where the model found a special token in plain text, cuts all spellings of such tokens in the piece, and lets it try again.</summary>
    /// <param name="at">Where the piece starts in the changed text.</param>
    /// <param name="from">The first token of the piece.</param>
    public void Check(ReadOnlySpan<char> piece, int at, int from, AlignedText changed, PlainText plain, TokenBuffer tokens)
    {
        if (!HasSpecial(tokens.Tokens[from..], changed, plain)) return;
        tokens.Truncate(from);
        int start = 0;
        for (int i = 0; i < piece.Length; i++)
        {
            (_, int length) = _spellings.Value.Longest(piece[i..]);
            int cut = i + CodePoints.Utf16Length(CodePoints.At(piece, i));
            if (length == 0 || cut >= i + length || !plain.Touches(changed.Original(at + i, at + i + length))) continue;
            model.Tokenize(piece[start..cut], at + start, tokens);
            start = cut;
        }

        model.Tokenize(piece[start..], at + start, tokens);
    }

    private bool HasSpecial(ReadOnlySpan<Token> tokens, AlignedText changed, PlainText plain)
    {
        foreach (Token token in tokens)
            if (token.End > token.Start && added.IsSpecial(token.Id) && plain.Touches(changed.Original(token.Start, token.End))) return true;
        return false;
    }
}
