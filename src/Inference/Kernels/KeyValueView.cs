using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace LlmService.Inference.Kernels;

/// <summary>
/// Keys and values of a layer in blocks of 16 positions. Inside of a block the keys lie transposed, [width, 16], so that the scores of 16 positions are one vector;
/// then the values of one head after the other, [heads, 16, head size]. Where they are bfloat16, two neighbours share a lane of 32 bits, the first one in the upper half: two columns of a key, [width / 2, 16],
/// and two positions of a value, [heads, 8, head size], as instructions that multiply pairs want them.
/// </summary>
/// <param name="Blocks">By position / 16; null where no position is seen any more.</param>
/// <param name="Offset">Where this layer's part of a block begins, in floats.</param>
/// <param name="Heads">Key/value heads.</param>
/// <param name="HeadSize">Width of a head.</param>
/// <param name="IsHalf">Whether the numbers are bfloat16; heads then have an even size.</param>
internal readonly record struct KeyValueView(float[]?[] Blocks, int Offset, int Heads, int HeadSize, bool IsHalf)
{
    public const int BlockPositions = 16;

    // Columns of a key that are rounded at once.
    private const int PackedColumns = 256;

    /// <summary>Numbers of a position's key, and of its value.</summary>
    public int Width => Heads * HeadSize;

    /// <summary>Writes positions of one block, in their order.</summary>
    /// <param name="path">Which kernels.</param>
    /// <param name="first">The first one.</param>
    /// <param name="count">How many.</param>
    /// <param name="keys">Their keys, [Width] each.</param>
    /// <param name="values">Their values, [Width] each.</param>
    /// <param name="stride">From one position's to the next one's.</param>
    public void Write(KernelPath path, int first, int count, ReadOnlySpan<float> keys, ReadOnlySpan<float> values, int stride)
    {
        int within = first % BlockPositions;
        ArgumentOutOfRangeException.ThrowIfGreaterThan(within + count, BlockPositions, nameof(count));
        if (IsHalf)
        {
            Span<uint> block = Block<uint>(first);
            for (int i = 0; i < count; i++)
                WriteKey(path, keys.Slice(i * stride, Width), block[..(Width / 2 * BlockPositions)], within + i);
            for (int head = 0; head < Heads; head++)
                WriteValues(path, values[(head * HeadSize)..], stride, count, block.Slice((Width + head * HeadSize) * BlockPositions / 2, HeadSize * BlockPositions / 2), within);
        }
        else
        {
            Span<float> block = Block<float>(first);
            for (int i = 0; i < count; i++)
            {
                Spread(keys.Slice(i * stride, Width), block[(within + i)..], BlockPositions);
                for (int head = 0; head < Heads; head++)
                    values.Slice(i * stride + head * HeadSize, HeadSize).CopyTo(block[ValueAt(within + i, head * HeadSize)..]);
            }
        }
    }

    public float Key(int position, int column)
    {
        int within = position % BlockPositions;
        return IsHalf ? Half(Block<uint>(position)[column / 2 * BlockPositions + within], column) : Block<float>(position)[column * BlockPositions + within];
    }

    public float Value(int position, int column)
    {
        int within = position % BlockPositions;
        return IsHalf ? Half(Block<uint>(position)[ValueAt(within, column)], within) : Block<float>(position)[ValueAt(within, column)];
    }

    /// <summary>Where a column of the keys begins in a block; of halves, its lanes.</summary>
    public int KeyAt(int column) => column / (IsHalf ? 2 : 1) * BlockPositions;

    /// <summary>Where a value is in a block; of halves, the lane.</summary>
    public int ValueAt(int within, int column)
    {
        int together = IsHalf ? 2 : 1;
        return (Width + column / HeadSize * HeadSize) * BlockPositions / together + within / together * HeadSize + column % HeadSize;
    }

    /// <summary>This layer's part of the block of a position.</summary>
    /// <typeparam name="TNumber">float, or uint for two bfloat16.</typeparam>
    public Span<TNumber> Block<TNumber>(int position)
        where TNumber : unmanaged =>
        MemoryMarshal.Cast<float, TNumber>(Blocks[position / BlockPositions]!.AsSpan(Offset, (IsHalf ? 1 : 2) * BlockPositions * Width));

    /// <summary>Writes a row to every so many places.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Spread<TNumber>(ReadOnlySpan<TNumber> row, Span<TNumber> to, int step)
        where TNumber : unmanaged
    {
        // The last one goes to (length - 1) · step.
        to = to[..((row.Length - 1) * step + 1)];
        ref TNumber from = ref MemoryMarshal.GetReference(row), first = ref MemoryMarshal.GetReference(to);
        for (nint i = 0; i < row.Length; i++)
            Unsafe.Add(ref first, i * step) = Unsafe.Add(ref from, i);
    }

    private static float Half(uint lane, int index) => BitConverter.UInt32BitsToSingle(index % 2 == 0 ? lane & 0xFFFF0000 : lane << 16);

    private static void WriteKey(KernelPath path, ReadOnlySpan<float> key, Span<uint> block, int within)
    {
        Span<uint> packed = stackalloc uint[PackedColumns / 2];
        for (int column = 0; column < key.Length; column += PackedColumns)
        {
            ReadOnlySpan<float> part = key.Slice(column, Math.Min(PackedColumns, key.Length - column));
            HalfKernels.Pack(path, part, packed);
            Spread<uint>(packed[..(part.Length / 2)], block[(column / 2 * BlockPositions + within)..], BlockPositions);
        }
    }

    // Of one head. Two positions that share their lanes go together; the second of a lane is zero until its turn comes.
    private void WriteValues(KernelPath path, ReadOnlySpan<float> values, int stride, int count, Span<uint> lanes, int within)
    {
        for (int i = 0; i < count;)
        {
            Span<uint> to = lanes.Slice((within + i) / 2 * HeadSize, HeadSize);
            ReadOnlySpan<float> row = values.Slice(i * stride, HeadSize);
            if ((within + i) % 2 != 0)
            {
                HalfKernels.Join(path, default, row, to);
                i++;
            }
            else
            {
                HalfKernels.Join(path, row, i + 1 < count ? values.Slice((i + 1) * stride, HeadSize) : default, to);
                i += 2;
            }
        }
    }
}
