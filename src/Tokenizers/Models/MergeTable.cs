namespace LlmService.Tokenizers.Models;

/// <summary>From a pair of ids to the rank of its merge and the id it becomes; an open hash table, because this is the inner loop.</summary>
internal sealed class MergeTable
{
    private readonly ulong[] _keys;
    private readonly long[] _values;

    public MergeTable(int count)
    {
        int capacity = 16;
        while (capacity < count * 2) capacity *= 2;
        _keys = new ulong[capacity];
        _values = new long[capacity];
    }

    public void Set(int left, int right, int rank, int id)
    {
        int slot = Find(Key(left, right));
        _keys[slot] = Key(left, right);
        _values[slot] = ((long)rank << 32) | (uint)id;
    }

    public bool TryGet(int left, int right, out int rank, out int id)
    {
        int slot = Find(Key(left, right));
        rank = (int)(_values[slot] >> 32);
        id = (int)_values[slot];
        return _keys[slot] != 0;
    }

    // One more than the pair, because zero marks a free slot.
    private static ulong Key(int left, int right) => (((ulong)(uint)left << 32) | (uint)right) + 1;

    private int Find(ulong key)
    {
        int mask = _keys.Length - 1;
        int slot = (int)((key * 0x9E3779B97F4A7C15UL) >> 32) & mask;
        while (_keys[slot] != key && _keys[slot] != 0) slot = (slot + 1) & mask;
        return slot;
    }
}
