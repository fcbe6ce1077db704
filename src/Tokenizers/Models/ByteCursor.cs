using LlmService.Tokenizers.Unicode;

namespace LlmService.Tokenizers.Models;

/// <summary>Walks through a piece by UTF-8 bytes: a token covers every character that one of its bytes belongs to.</summary>
internal ref struct ByteCursor(ReadOnlySpan<char> piece, int at)
{
    private readonly ReadOnlySpan<char> _piece = piece;
    private int _charStart;
    private int _charEnd;
    private int _bytesAtEnd;
    private int _position;

    /// <summary>Adds a token of the next so many bytes.</summary>
    public void Add(int id, int bytes, TokenBuffer output)
    {
        MoveTo(_position);
        int start = _charStart;
        _position += bytes;
        MoveTo(_position - 1);
        output.Add(id, at + start, at + Math.Max(_charEnd, start));
    }

    /// <summary>Moves on to the character that holds a byte.</summary>
    private void MoveTo(int position)
    {
        while (_bytesAtEnd <= position && _charEnd < _piece.Length)
        {
            int codePoint = CodePoints.At(_piece, _charEnd);
            _charStart = _charEnd;
            _charEnd += CodePoints.Utf16Length(codePoint);
            _bytesAtEnd += CodePoints.Utf8Length(codePoint);
        }
    }
}
