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

    private int Column => head * Size;

    // Numbers in a lane.
    private int Together => view.IsHalf ? 2 : 1;

    /// <summary>The keys of a block, [size, 16]; of halves [size / 2, 16].</summary>
    public ref TNumber Keys<TNumber>(int at)
        where TNumber : unmanaged =>
        ref MemoryMarshal.GetReference(view.Block<TNumber>(start + at).Slice(Column / Together * KeyValueView.BlockPositions, Size / Together * KeyValueView.BlockPositions));

    /// <summary>Some columns of a position and of those that follow it in its block and are read; rows, of halves those of two positions, lie a head's size apart.</summary>
    public ref TNumber Values<TNumber>(int position, int column, int columns, out int count)
        where TNumber : unmanaged
    {
        int within = position % KeyValueView.BlockPositions;
        count = Math.Min(KeyValueView.BlockPositions - within, Last - position + 1);
        // The last row's columns are inside of the block: the slice checks it.
        return ref MemoryMarshal.GetReference(view.Block<TNumber>(position)[view.ValueAt(within, Column + column)..(view.ValueAt(within + count - 1, Column + column) + columns)]);
    }
}
