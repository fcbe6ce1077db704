namespace LlmService.Tokenizers.Models;

/// <summary>The tokens of a text: first with places in the changed text, in the end with places in the original.</summary>
internal sealed class TokenBuffer
{
    private readonly PooledList<Token> _tokens = new();
    private readonly PooledList<int> _words = new();
    private readonly PooledList<Spelling> _spellings = new();

    /// <summary>A token whose string is not the vocabulary's.</summary>
    public readonly record struct Spelling(int Index, string Text);

    public int Count => _tokens.Count;

    public Span<Token> Tokens => _tokens.Span;

    /// <summary>The number of the piece that each token comes from.</summary>
    public ReadOnlySpan<int> Words => _words.Span;

    /// <summary>In the order of the tokens.</summary>
    public ReadOnlySpan<Spelling> Spellings => _spellings.Span;

    public void Add(int id, int start, int end) => _tokens.Add(new Token(id, start, end));

    public void Add(int id, int start, int end, string spelling)
    {
        _spellings.Add(new Spelling(_tokens.Count, spelling));
        _tokens.Add(new Token(id, start, end));
    }

    /// <summary>Adds tokens whose places count from the start of a piece.</summary>
    public void Add(ReadOnlySpan<Token> tokens, int at)
    {
        int from = _tokens.Count;
        _tokens.AddRange(tokens);
        foreach (ref Token token in _tokens.Span[from..]) token = new Token(token.Id, token.Start + at, token.End + at);
    }

    /// <summary>All tokens since the last call are of this word.</summary>
    public void EndWord(int word)
    {
        _words.Reserve(_tokens.Count - _words.Count);
        while (_words.Count < _tokens.Count) _words.Add(word);
    }

    /// <summary>Forgets the tokens from an index on.</summary>
    public void Truncate(int count)
    {
        _tokens.Truncate(count);
        while (_spellings.Count > 0 && _spellings.Span[^1].Index >= count) _spellings.Truncate(_spellings.Count - 1);
    }

    public void Clear()
    {
        _tokens.Clear();
        _words.Clear();
        _spellings.Clear();
    }

    /// <summary>Gives the buffers back.</summary>
    public void Release()
    {
        _tokens.Release();
        _words.Release();
        _spellings.Release();
    }
}
