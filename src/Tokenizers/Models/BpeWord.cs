namespace LlmService.Tokenizers.Models;

/// <summary>The symbols of one piece while pairs of them are merged, lowest rank first, leftmost first.</summary>
internal sealed class BpeWord
{
    private readonly PriorityQueue<int, long> _queue = new();
    private Symbol[] _symbols = new Symbol[64];
    private int _count;

    public struct Symbol
    {
        public int Id;
        public int Bytes;
        public int Previous;
        public int Next;
    }

    /// <summary>The symbols; merged ones are left behind with no bytes.</summary>
    public ReadOnlySpan<Symbol> Symbols => _symbols.AsSpan(0, _count);

    public void Clear() => _count = 0;

    public void Add(int id, int bytes)
    {
        if (_count == _symbols.Length) Array.Resize(ref _symbols, _count * 2);
        _symbols[_count] = new Symbol { Id = id, Bytes = bytes, Previous = _count - 1, Next = _count + 1 };
        _count++;
    }

    public void Merge(MergeTable merges)
    {
        for (int i = 0; i + 1 < _count; i++) Offer(merges, i, i + 1);
        while (_queue.TryDequeue(out int newId, out long priority))
        {
            int position = (int)(priority & 0xFFFFFFFF);
            ref Symbol left = ref _symbols[position];
            if (left.Bytes == 0 || left.Next >= _count) continue;
            Symbol right = _symbols[left.Next];

            // Entries grow stale when a neighbour was merged; they stay good when the pair still becomes the same token.
            if (!merges.TryGet(left.Id, right.Id, out _, out int id) || id != newId) continue;
            left.Id = newId;
            left.Bytes += right.Bytes;
            _symbols[left.Next].Bytes = 0;
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
