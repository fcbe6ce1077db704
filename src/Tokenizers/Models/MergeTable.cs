using System.Runtime.CompilerServices;

namespace LlmService.Tokenizers.Models;

/// <summary>From a pair of ids to the rank of its merge and the id it becomes; an open hash table, because this is the inner loop.</summary>
internal sealed class MergeTable
{
    private readonly Entry[] _entries;
    private readonly int _shift;

    public MergeTable(int count)
    {
        int bits = 4;
        while (1L << bits < count + count / 2L) bits++;
        _entries = new Entry[1 << bits];
        _shift = 64 - bits;
    }

    private struct Entry
    {
        public ulong Key;
        public int Rank;
        public int Id;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Set(int left, int right, int rank, int id) => Find(Key(left, right)) = new Entry { Key = Key(left, right), Rank = rank, Id = id };

    public bool TryGet(int left, int right, out int rank, out int id)
    {
        ref Entry entry = ref Find(Key(left, right));
        rank = entry.Rank;
        id = entry.Id;
        return entry.Key != 0;
    }

    // One more than the pair, because zero marks a free slot.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Key(int left, int right) => (((ulong)(uint)left << 32) | (uint)right) + 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ref Entry Find(ulong key)
    {
        Entry[] entries = _entries;
        int slot = (int)((key * HashSeed.Multiplier) >> _shift);
        while (entries[slot].Key != key && entries[slot].Key != 0) slot = (slot + 1) & (entries.Length - 1);
        return ref entries[slot];
    }
}
