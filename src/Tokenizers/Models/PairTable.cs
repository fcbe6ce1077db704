using System.Runtime.CompilerServices;

namespace LlmService.Tokenizers.Models;

/// <summary>Which characters stand next to each other inside some token. Where two do not, no merge reaches across, and a text can be cut between them.
/// A small bit set of hashes: it may say yes too often, which only cuts less.</summary>
internal sealed class PairTable
{
    private const int Bits = 20;

    private readonly ulong[] _bits = new ulong[(1 << Bits) / 64];

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Add(ReadOnlySpan<char> token)
    {
        for (int i = 1; i < token.Length; i++)
        {
            int hash = Hash(token[i - 1], token[i]);
            _bits[hash >> 6] |= 1UL << (hash & 63);
        }
    }

    public bool Contains(char left, char right)
    {
        int hash = Hash(left, right);
        return (_bits[hash >> 6] & (1UL << (hash & 63))) != 0;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Hash(char left, char right) => (int)((((uint)left << 16) | right) * 0x9E3779B1u >> (32 - Bits));
}
