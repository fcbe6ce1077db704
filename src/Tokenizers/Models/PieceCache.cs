using System.Runtime.InteropServices;

namespace LlmService.Tokenizers.Models;

/// <summary>Remembers the tokens of short pieces: the words of a language come again and again. Bounded; readers and writers need no lock,
/// for an entry never changes and a lost one is only made again.</summary>
internal sealed class PieceCache
{
    private const int Slots = 1 << 15, Probes = 4, LongestPiece = 48;

    private readonly Entry?[] _entries = new Entry?[Slots];
    private int _misses;

    private sealed record Entry(ulong Hash, string Piece, Token[] Tokens);

    /// <summary>The tokens of a piece, placed from its start; null when they are not known.</summary>
    public Token[]? Find(ReadOnlySpan<char> piece)
    {
        if (piece.Length > LongestPiece) return null;
        ulong hash = Hash(piece);
        int slot = (int)(hash >> 32) & (Slots - 1);
        for (int probe = 0; probe < Probes; probe++)
        {
            Entry? entry = Volatile.Read(ref _entries[(slot + probe) & (Slots - 1)]);
            if (entry is null) return null;
            if (entry.Hash == hash && piece.SequenceEqual(entry.Piece)) return entry.Tokens;
        }

        return null;
    }

    public void Add(ReadOnlySpan<char> piece, ReadOnlySpan<Token> tokens, int at)
    {
        if (piece.Length > LongestPiece) return;
        ulong hash = Hash(piece);
        int slot = (int)(hash >> 32) & (Slots - 1);
        for (int probe = 0; probe < Probes; probe++)
        {
            ref Entry? entry = ref _entries[(slot + probe) & (Slots - 1)];
            bool free = Volatile.Read(ref entry) is null;

            // A full neighbourhood gives way now and then: often enough to follow a new text, too seldom to cost.
            if (!free && (probe < Probes - 1 || Interlocked.Increment(ref _misses) % 16 != 0)) continue;
            Token[] placed = tokens.ToArray();
            foreach (ref Token token in placed.AsSpan()) token = new Token(token.Id, token.Start - at, token.End - at);
            Volatile.Write(ref entry, new Entry(hash, piece.ToString(), placed));
            return;
        }
    }

    private static ulong Hash(ReadOnlySpan<char> piece)
    {
        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(piece);
        ulong hash = (ulong)piece.Length * HashSeed.Multiplier;
        for (; bytes.Length >= 8; bytes = bytes[8..]) hash = Mix(hash ^ MemoryMarshal.Read<ulong>(bytes));
        if (bytes.Length >= 4)
        {
            hash = Mix(hash ^ MemoryMarshal.Read<uint>(bytes));
            bytes = bytes[4..];
        }

        return bytes.Length > 0 ? Mix(hash ^ MemoryMarshal.Read<ushort>(bytes)) : hash;
    }

    private static ulong Mix(ulong value)
    {
        value *= 0x9E3779B97F4A7C15UL;
        return value ^ (value >> 29);
    }
}
