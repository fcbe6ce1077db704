using System.Numerics;
using System.Runtime.CompilerServices;

namespace LlmService.Tokenizers;

/// <summary>A prefix tree over UTF-16 units, held in one hash table of (node, unit) to node.</summary>
internal sealed class CharTrie
{
    private readonly int[] _firstNodes = new int[0x10000];
    private long[] _keys;
    private int[] _nodes;
    private int[] _values;
    private int _count = 1;

    /// <summary>Makes room for entries of so many characters in all; more may come.</summary>
    public CharTrie(int characters = 0)
    {
        // About half of the characters of a vocabulary begin no new node.
        int slots = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(64, characters));
        _keys = new long[slots];
        _nodes = new int[slots];
        _values = new int[Math.Max(32, characters / 2)];
        _values[Root] = -1;
    }

    /// <summary>The node that every walk starts from.</summary>
    public const int Root = 0;

    /// <summary>Adds a text with a value of zero or more; the last one of equal texts wins.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Add(ReadOnlySpan<char> text, int value)
    {
        int node = Root;
        foreach (char c in text)
        {
            int next = Step(node, c);
            if (next < 0)
            {
                next = _count++;
                if (next == _values.Length) Array.Resize(ref _values, _count * 2);
                _values[next] = -1;
                if (node == Root) _firstNodes[c] = next;
                if (_count > _keys.Length / 4 * 3) Grow();
                Insert(Key(node, c), next);
            }

            node = next;
        }

        _values[node] = value;
    }

    /// <summary>The node after one more unit, or -1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Step(int node, char c)
    {
        if (node == Root) return _firstNodes[c] > 0 ? _firstNodes[c] : -1;
        long key = Key(node, c);
        int mask = _keys.Length - 1;
        for (int slot = Slot(key, mask); ; slot = (slot + 1) & mask)
        {
            if (_keys[slot] == key) return _nodes[slot];
            if (_keys[slot] == 0) return -1;
        }
    }

    /// <summary>The value at a node, or -1.</summary>
    public int ValueAt(int node) => _values[node];

    /// <summary>The longest entry that the text starts with: its value and length, or (-1, 0).</summary>
    public (int Value, int Length) Longest(ReadOnlySpan<char> text)
    {
        (int Value, int Length) best = (-1, 0);
        int node = Root;
        for (int i = 0; i < text.Length && (node = Step(node, text[i])) >= 0; i++)
            if (_values[node] >= 0) best = (_values[node], i + 1);
        return best;
    }

    // One more than the pair, because zero marks a free slot.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static long Key(int node, char c) => (((long)node << 16) | c) + 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Slot(long key, int mask) => (int)(((ulong)key * HashSeed.Multiplier) >> 32) & mask;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Insert(long key, int node)
    {
        int mask = _keys.Length - 1;
        int slot = Slot(key, mask);
        while (_keys[slot] != 0) slot = (slot + 1) & mask;
        _keys[slot] = key;
        _nodes[slot] = node;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Grow()
    {
        (long[] keys, int[] nodes) = (_keys, _nodes);
        _keys = new long[keys.Length * 2];
        _nodes = new int[keys.Length * 2];
        for (int i = 0; i < keys.Length; i++)
            if (keys[i] != 0) Insert(keys[i], nodes[i]);
    }
}
