namespace LlmService.Tokenizers.Models;

/// <summary>The symbols of one piece while pairs of them are merged, lowest rank first, leftmost first.</summary>
internal sealed class BpeWord
{
    /// <summary>Up to so many symbols, looking at all of them beats a queue.</summary>
    private const int FewSymbols = 24;

    private readonly PriorityQueue<int, long> _queue = new();
    private readonly int[] _ranks = new int[FewSymbols];
    private readonly int[] _merged = new int[FewSymbols];
    private Symbol[] _symbols = new Symbol[64];
    private int _count;

    public struct Symbol
    {
        public int Id;
        public int Length;
        public int Previous;
        public int Next;
    }

    /// <summary>The symbols; merged ones are left behind with no length.</summary>
    public ReadOnlySpan<Symbol> Symbols => _symbols.AsSpan(0, _count);

    public void Clear() => _count = 0;

    public void Add(int id, int length)
    {
        if (_count == _symbols.Length) Array.Resize(ref _symbols, _count * 2);
        _symbols[_count] = new Symbol { Id = id, Length = length, Previous = _count - 1, Next = _count + 1 };
        _count++;
    }

    public void Merge(MergeTable merges)
    {
        if (_count <= FewSymbols) MergeFew(merges);
        else MergeMany(merges);
    }

    private void MergeFew(MergeTable merges)
    {
        for (int i = 0; i < _count; i++) Look(merges, i);
        while (true)
        {
            int best = -1, rank = int.MaxValue;
            for (int i = 0; i < _count - 1; i++)
            {
                if (_ranks[i] >= rank) continue;
                rank = _ranks[i];
                best = i;
            }

            if (best < 0) return;
            _symbols[best].Id = _merged[best];
            _symbols[best].Length += _symbols[best + 1].Length;
            Remove(best + 1);
            Look(merges, best);
            if (best > 0) Look(merges, best - 1);
        }
    }

    private void Remove(int index)
    {
        int after = _count - index - 1;
        Array.Copy(_symbols, index + 1, _symbols, index, after);
        Array.Copy(_ranks, index + 1, _ranks, index, after);
        Array.Copy(_merged, index + 1, _merged, index, after);
        _count--;
    }

    private void Look(MergeTable merges, int left)
    {
        bool found = left + 1 < _count;
        if (found) found = merges.TryGet(_symbols[left].Id, _symbols[left + 1].Id, out _ranks[left], out _merged[left]);
        if (!found) _ranks[left] = int.MaxValue;
    }

    private void MergeMany(MergeTable merges)
    {
        for (int i = 0; i + 1 < _count; i++) Offer(merges, i, i + 1);
        while (_queue.TryDequeue(out int newId, out long priority))
        {
            int position = (int)(priority & 0xFFFFFFFF);
            ref Symbol left = ref _symbols[position];
            if (left.Length == 0 || left.Next >= _count) continue;
            Symbol right = _symbols[left.Next];

            // Entries grow stale when a neighbour was merged.
            if (!merges.TryGet(left.Id, right.Id, out _, out int id) || id != newId) continue;
            left.Id = newId;
            left.Length += right.Length;
            _symbols[left.Next].Length = 0;
            left.Next = right.Next;
            if (right.Next < _count) _symbols[right.Next].Previous = position;
            if (left.Previous >= 0) Offer(merges, left.Previous, position);
            if (left.Next < _count) Offer(merges, position, left.Next);
        }
    }

    private void Offer(MergeTable merges, int left, int right)
    {
        if (merges.TryGet(_symbols[left].Id, _symbols[right].Id, out int rank, out int id)) _queue.Enqueue(id, ((long)rank << 32) | (uint)left);
    }
}
