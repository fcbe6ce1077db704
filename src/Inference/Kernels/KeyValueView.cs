namespace LlmService.Inference.Kernels;

/// <summary>
/// Keys and values of a layer in blocks of 16 positions. Inside of a block the keys lie transposed, [width, 16], so that the scores of 16 positions are one vector;
/// then the values, [16, width].
/// </summary>
/// <param name="Blocks">By position / 16; null where no position is seen any more.</param>
/// <param name="Offset">Where this layer's part of a block begins.</param>
/// <param name="Width">Key/value heads times head size.</param>
internal readonly record struct KeyValueView(float[]?[] Blocks, int Offset, int Width)
{
    public const int BlockPositions = 16;

    /// <summary>Floats of a block: keys and values.</summary>
    public int BlockFloats => 2 * BlockPositions * Width;

    /// <summary>Writes a position.</summary>
    /// <param name="position">Which.</param>
    /// <param name="key">[Width].</param>
    /// <param name="value">[Width].</param>
    public void Write(int position, ReadOnlySpan<float> key, ReadOnlySpan<float> value)
    {
        Span<float> block = Block(position);
        int within = position % BlockPositions;
        for (int column = 0; column < Width; column++)
            block[column * BlockPositions + within] = key[column];
        value[..Width].CopyTo(block[((BlockPositions + within) * Width)..]);
    }

    public float Key(int position, int column) => Block(position)[column * BlockPositions + position % BlockPositions];

    public float Value(int position, int column) => Block(position)[(BlockPositions + position % BlockPositions) * Width + column];

    /// <summary>This layer's part of the block of a position.</summary>
    public Span<float> Block(int position) => Blocks[position / BlockPositions]!.AsSpan(Offset, BlockFloats);
}
