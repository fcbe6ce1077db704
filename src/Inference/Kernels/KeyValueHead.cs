using System.Runtime.InteropServices;

namespace LlmService.Inference.Kernels;

/// <summary>What the queries of a piece see: a head of keys and values.</summary>
/// <param name="view">The keys and values.</param>
/// <param name="head">Which key/value head.</param>
/// <param name="start">The first position of the first block.</param>
/// <param name="width">Positions of all blocks.</param>
/// <param name="first">The first position that a query sees.</param>
/// <param name="last">The last one.</param>
internal readonly struct KeyValueHead(KeyValueView view, int head, int start, int width, int first, int last)
{
    // Where the head begins in a block, among the keys and among the values.
    private readonly int _firstKey = view.KeyAt(head * view.HeadSize), _firstValue = view.ValueAt(0, head * view.HeadSize);

    // Positions of a value's row, as a power of two.
    private readonly int _shift = view.IsHalf ? 1 : 0;

    public KeyValueView View => view;

    /// <summary>Columns of the head.</summary>
    public int Size => view.HeadSize;

    /// <summary>The first position of the first block.</summary>
    public int Start => start;

    /// <summary>Positions of all blocks.</summary>
    public int Width => width;

    /// <summary>The first position whose value is read: one that a query sees, or where two share a lane the one before it.</summary>
    public int First => view.IsHalf ? first & ~1 : first;

    /// <summary>The last one.</summary>
    public int Last => view.IsHalf ? last | 1 : last;

    /// <summary>The keys of a block, [size, 16]; of halves [size / 2, 16].</summary>
    public ref TNumber Keys<TNumber>(int at)
        where TNumber : unmanaged =>
        ref MemoryMarshal.GetReference(view.Block<TNumber>(start + at).Slice(_firstKey, (Size >> _shift) * KeyValueView.BlockPositions));

    /// <summary>Some columns of a position and of those that follow it in its block and are read; rows, of halves those of two positions, lie a head's size apart.</summary>
    public ref TNumber Values<TNumber>(int position, int column, int columns, out int count)
        where TNumber : unmanaged
    {
        int within = position % KeyValueView.BlockPositions, row = within >> _shift;
        count = Math.Min(KeyValueView.BlockPositions - within, Last - position + 1);
        int rows = ((within + count - 1) >> _shift) - row;
        // The last row's columns are inside of the block: the slice checks it.
        return ref MemoryMarshal.GetReference(view.Block<TNumber>(position).Slice(_firstValue + row * Size + column, rows * Size + columns));
    }
}
