using System.Buffers;
using System.Runtime.CompilerServices;

namespace LlmService.Tokenizers;

/// <summary>A list whose array is borrowed for one call: what encoding works with costs no allocation.</summary>
internal sealed class PooledList<T>
{
    private T[] _items = [];

    public int Count { get; private set; }

    public Span<T> Span => _items.AsSpan(0, Count);

    public ref T this[int index] => ref _items[index];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add(T item)
    {
        if (Count == _items.Length) Reserve(1);
        _items[Count++] = item;
    }

    public void AddRange(ReadOnlySpan<T> items)
    {
        Reserve(items.Length);
        items.CopyTo(_items.AsSpan(Count));
        Count += items.Length;
    }

    /// <summary>Makes room for so many more.</summary>
    public void Reserve(int more)
    {
        if (Count + more <= _items.Length) return;
        T[] larger = ArrayPool<T>.Shared.Rent(Math.Max(Count + more, Math.Max(16, _items.Length * 2)));
        _items.AsSpan(0, Count).CopyTo(larger);
        Return();
        _items = larger;
    }

    /// <summary>Forgets all items from an index on.</summary>
    public void Truncate(int count) => Count = count;

    public void Clear() => Count = 0;

    /// <summary>Gives the array back.</summary>
    public void Release()
    {
        Return();
        _items = [];
        Count = 0;
    }

    private void Return()
    {
        if (_items.Length > 0) ArrayPool<T>.Shared.Return(_items);
    }
}
