using LlmService.Tokenizers.Models;

namespace LlmService.Tokenizers;

/// <summary>The arrays of an encoding while it is put together.</summary>
internal ref struct EncodingArrays(int count)
{
    private readonly int[] _ids = new int[count];
    private readonly TextRange[] _offsets = new TextRange[count];
    private readonly int[] _words = new int[count];
    private Dictionary<int, string>? _spellings;
    private int _written;

    /// <summary>Adds a token that is not of a text.</summary>
    public void Add(int id, string token, string known)
    {
        if (token != known) Spell(_written, token);
        _words[_written] = -1;
        _ids[_written++] = id;
    }

    /// <summary>Adds the tokens of a text.</summary>
    public void Add(TokenizedText text)
    {
        int first = _written;
        ReadOnlySpan<Token> tokens = text.Tokens.Tokens[text.Start..text.End];
        text.Tokens.Words[text.Start..text.End].CopyTo(_words.AsSpan(first));
        foreach (Token token in tokens)
        {
            _ids[_written] = token.Id;
            _offsets[_written++] = new TextRange(token.Start, token.End);
        }

        foreach (TokenBuffer.Spelling spelling in text.Tokens.Spellings)
            if (spelling.Index >= text.Start && spelling.Index < text.End) Spell(first + spelling.Index - text.Start, spelling.Text);
    }

    public Encoding Build(Tokenizer tokenizer, EncodingSegment[] segments) => new(tokenizer, segments, _ids, _offsets, _words, _spellings);

    private void Spell(int index, string token) => (_spellings ??= [])[index] = token;
}
