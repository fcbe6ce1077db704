using System.Collections.Concurrent;

namespace LlmService.Tokenizers.Models;

/// <summary>Remembers the tokens of short pieces: the words of a language come again and again. Safe for concurrent use, bounded.</summary>
internal sealed class PieceCache
{
    private const int MostPieces = 20_000, LongestPiece = 64;

    private readonly ConcurrentDictionary<string, Token[]> _pieces = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, Token[]>.AlternateLookup<ReadOnlySpan<char>> _bySpan;
    private int _count;

    public PieceCache() => _bySpan = _pieces.GetAlternateLookup<ReadOnlySpan<char>>();

    public bool TryGet(ReadOnlySpan<char> piece, out Token[]? tokens)
    {
        tokens = null;
        return piece.Length <= LongestPiece && _bySpan.TryGetValue(piece, out tokens);
    }

    public void Add(ReadOnlySpan<char> piece, List<Token> tokens, int from)
    {
        if (piece.Length > LongestPiece || Volatile.Read(ref _count) >= MostPieces) return;
        if (_bySpan.TryAdd(piece, [.. tokens[from..]])) Interlocked.Increment(ref _count);
    }
}
