using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace LlmService.Inference.Kernels;

/// <summary>
/// Keys and values of a layer in blocks of 16 positions. Inside of a block the keys lie transposed, [width, 16], so that the scores of 16 positions are one vector;
/// then the values, [16, width].
/// </summary>
/// <param name="Blocks">By position / 16; null where no position is seen any more.</param>
/// <param name="Offset">Where this layer's part of a block begins, in floats.</param>
/// <param name="Width">Key/value heads times head size.</param>
/// <param name="IsHalf">Whether the numbers are bfloat16, two in the place of a float.</param>
internal readonly record struct KeyValueView(float[]?[] Blocks, int Offset, int Width, bool IsHalf)
{
    public const int BlockPositions = 16;

    /// <summary>Numbers of a block: keys and values.</summary>
    private int BlockNumbers => 2 * BlockPositions * Width;

    /// <summary>Writes a position.</summary>
    /// <param name="position">Which.</param>
    /// <param name="key">[Width].</param>
    /// <param name="value">[Width].</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Write(int position, ReadOnlySpan<float> key, ReadOnlySpan<float> value)
    {
        int within = position % BlockPositions, values = (BlockPositions + within) * Width;
        key = key[..Width];
        if (IsHalf)
        {
            Span<ushort> block = Block<ushort>(position);
            Span<ushort> row = block.Slice(values, Width);
            value = value[..row.Length];
            for (int column = 0, to = within; column < key.Length; column++, to += BlockPositions)
                block[to] = Round(key[column]);
            for (int column = 0; column < row.Length; column++)
                row[column] = Round(value[column]);
        }
        else
        {
            Span<float> block = Block<float>(position);
            for (int column = 0, to = within; column < key.Length; column++, to += BlockPositions)
                block[to] = key[column];
            value[..Width].CopyTo(block[values..]);
        }
    }

    public float Key(int position, int column) => Read(position, column * BlockPositions + position % BlockPositions);

    public float Value(int position, int column) => Read(position, (BlockPositions + position % BlockPositions) * Width + column);

    /// <summary>This layer's part of the block of a position.</summary>
    /// <typeparam name="TNumber">float, or ushort for bfloat16.</typeparam>
    public Span<TNumber> Block<TNumber>(int position)
        where TNumber : unmanaged =>
        MemoryMarshal.Cast<float, TNumber>(Blocks[position / BlockPositions]!.AsSpan(Offset, BlockNumbers * Unsafe.SizeOf<TNumber>() / sizeof(float)));

    private float Read(int position, int index) => IsHalf ? BitConverter.Int32BitsToSingle(Block<ushort>(position)[index] << 16) : Block<float>(position)[index];

    // To the nearest, halves to even; what is not a number stays so.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ushort Round(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return float.IsNaN(value) ? (ushort)((bits >> 16) | 0x40) : (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }
}
