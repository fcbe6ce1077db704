using System.Buffers;
using LlmService.Tokenizers.Unicode;

namespace LlmService.Tokenizers;

/// <summary>Finds added tokens in a text: leftmost first, longest first, without overlap.</summary>
internal sealed class AddedTokenFinder
{
    private readonly CharTrie _trie = new();
    private readonly SearchValues<char> _firstChars;
    private readonly Dictionary<int, AddedToken> _tokens;

    public AddedTokenFinder(IEnumerable<(string Text, int Id)> patterns, Dictionary<int, AddedToken> tokens)
    {
        _tokens = tokens;
        HashSet<char> first = [];
        foreach ((string text, int id) in patterns)
        {
            if (text.Length == 0) continue;
            _trie.Add(text, id);
            first.Add(text[0]);
        }

        _firstChars = SearchValues.Create([.. first]);
    }

    /// <summary>A part of the text; the id is -1 for text between tokens.</summary>
    public readonly record struct Part(int Start, int End, int Id);

    /// <summary>Cuts a text at the tokens in it.</summary>
    /// <param name="plain">Where special tokens are text like any other.</param>
    /// <param name="source">The text with its places in the original; null when it is a part of the original that starts at <paramref name="origin"/>.</param>
    public void Split(ReadOnlySpan<char> text, PlainText plain, AlignedText? source, int origin, PooledList<Part> parts)
    {
        int done = 0;
        for (int i = 0; i < text.Length;)
        {
            int offset = text[i..].IndexOfAny(_firstChars);
            if (offset < 0) break;
            i += offset;
            (int id, int length) = _trie.Longest(text[i..]);
            if (id < 0)
            {
                i++;
                continue;
            }

            AddedToken token = _tokens[id];
            if (token.Special && !plain.IsNowhere && plain.Touches(source?.Original(i, i + length) ?? new TextRange(origin + i, origin + i + length)))
            {
                // In the reference, which knows plain texts only as a whole, the next token starts behind this one.
                i += plain.IsEverywhere ? length : 1;
                continue;
            }

            if (Accept(text, i, i + length, token, done) is (int start, int end))
            {
                if (done < start) parts.Add(new Part(done, start, -1));
                parts.Add(new Part(start, end, id));
                done = end;
            }

            i += length;
        }

        if (done < text.Length) parts.Add(new Part(done, text.Length, -1));
    }

    /// <summary>Applies the flags of a token to a match: null when it does not count, else the range with swallowed white space.</summary>
    private static (int Start, int End)? Accept(ReadOnlySpan<char> text, int start, int end, AddedToken token, int done)
    {
        if (token.SingleWord && (IsWordBefore(text, start) || IsWordAfter(text, end))) return null;
        if (token.LStrip)
        {
            int left = start;
            while (left > done && CodePoints.IsWhiteSpace(text[left - 1])) left--;
            start = Math.Max(left, done);
        }

        while (token.RStrip && end < text.Length && CodePoints.IsWhiteSpace(text[end])) end++;
        return (start, end);
    }

    private static bool IsWordBefore(ReadOnlySpan<char> text, int index) =>
        index > 0 && CodePoints.IsWord(CodePoints.At(text, CodePoints.Before(text, index)));

    private static bool IsWordAfter(ReadOnlySpan<char> text, int index) =>
        index < text.Length && CodePoints.IsWord(CodePoints.At(text, index));
}
