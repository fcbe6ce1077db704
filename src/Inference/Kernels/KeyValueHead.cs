using System.Runtime.InteropServices;

namespace LlmService.Inference.Kernels;

/// <summary>What the queries of a piece see: a head of keys and values.</summary>
/// <param name="view">The keys and values.</param>
/// <param name="head">Which key/value head.</param>
/// <param name="size">Its columns.</param>
/// <param name="start">The first position of the first block.</param>
/// <param name="width">Positions of all blocks.</param>
/// <param name="first">The first position that a query sees.</param>
/// <param name="last">The last one.</param>
internal readonly struct KeyValueHead(KeyValueView view, int head, int size, int start, int width, int first, int last)
{
    public KeyValueView View => view;

    /// <summary>Columns of the head.</summary>
    public int Size => size;

    /// <summary>Its first column.</summary>
    public int Column => head * size;

    /// <summary>The first position of the first block.</summary>
    public int Start => start;

    /// <summary>Positions of all blocks.</summary>
    public int Width => width;

    /// <summary>The first position that a query sees.</summary>
    public int First => first;

    /// <summary>The last one.</summary>
    public int Last => last;

    /// <summary>The keys of a block, [size, 16].</summary>
    public ref TNumber Keys<TNumber>(int at)
        where TNumber : unmanaged =>
        ref MemoryMarshal.GetReference(view.Block<TNumber>(start + at).Slice(Column * KeyValueView.BlockPositions, size * KeyValueView.BlockPositions));

    /// <summary>Some columns of a position and of those that follow it in its block and are seen, which lie the view's width apart.</summary>
    public ref TNumber Values<TNumber>(int position, int column, int columns, out int count)
        where TNumber : unmanaged
    {
        int within = position % KeyValueView.BlockPositions;
        count = Math.Min(KeyValueView.BlockPositions - within, last - position + 1);
        // The last position's columns are inside of the block: the slice checks it.
        return ref MemoryMarshal.GetReference(
            view.Block<TNumber>(position)[((KeyValueView.BlockPositions + within) * view.Width + Column + column)..((KeyValueView.BlockPositions + within + count - 1) * view.Width + Column + column + columns)]);
    }
}
