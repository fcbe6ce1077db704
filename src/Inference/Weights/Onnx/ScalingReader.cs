namespace LlmService.Inference.Weights.Onnx;

/// <summary>Reads scales and zero points as the quantizing operations of ONNX store them.</summary>
internal sealed class ScalingReader(WeightBuilder builder)
{
    /// <summary>Scales of a whole matrix, or one for each of its rows or columns.</summary>
    /// <param name="scale">The scales.</param>
    /// <param name="zeroPoint">As many zero points; null for zero.</param>
    /// <param name="rows">Rows of the matrix as it is multiplied: its outputs, or the entries of a table.</param>
    /// <param name="columns">Its columns.</param>
    /// <param name="byRow">Whether several scales are one for each row.</param>
    /// <param name="node">Who uses them, for messages.</param>
    public Scaling Read(OnnxTensor scale, OnnxTensor? zeroPoint, long rows, long columns, bool byRow, OnnxNode node)
    {
        float[] scales = builder.Numbers(scale, node);
        float[]? zeros = zeroPoint is null ? null : builder.Numbers(zeroPoint, node);
        if ((scales.Length != 1 && scales.Length != (byRow ? rows : columns)) || (zeros is not null && zeros.Length != scales.Length))
            throw builder.Unknown(node, $"has {scales.Length} scales and {zeros?.Length ?? 0} zero points for {rows} rows of {columns}");
        int wholeRows = checked((int)rows), wholeColumns = checked((int)columns);
        return scales.Length == 1 ? Scaling.Of(scales, zeros, wholeRows, wholeColumns)
            : byRow ? Scaling.Of(scales, zeros, 1, wholeColumns)
            : Scaling.Of(scales, zeros, wholeRows, 1);
    }

    /// <summary>Scales of blocks along each row, with packed zero points.</summary>
    /// <param name="scale">[rows, blocks].</param>
    /// <param name="zeroPoint">Zero points; null for the same one everywhere.</param>
    /// <param name="absent">That one.</param>
    /// <param name="shift">What the numbers themselves are shifted by.</param>
    /// <param name="layout">How the numbers are packed.</param>
    /// <param name="node">Who uses them, for messages.</param>
    public Scaling ReadBlocks(OnnxTensor scale, OnnxTensor? zeroPoint, float absent, int shift, BlockLayout layout, OnnxNode node)
    {
        float[] scales = builder.Numbers(scale, node);
        if (scales.Length != (long)layout.Rows * layout.Blocks)
            throw builder.Unknown(node, $"has {scales.Length} scales for {layout.Rows} rows of {layout.Blocks} blocks");
        float[]? zeros = zeroPoint is null ? null : ReadZeroPoints(zeroPoint, shift, layout, node);
        return Scaling.Of(scales, zeros ?? [absent + shift], 1, layout.BlockSize);
    }

    private float[] ReadZeroPoints(OnnxTensor zeroPoint, int shift, BlockLayout layout, OnnxNode node)
    {
        long count = (long)layout.Rows * layout.Blocks;
        if (zeroPoint.Type is OnnxType.Float or OnnxType.Float16 or OnnxType.BFloat16 || (layout.Bits == 8 && zeroPoint.Type == OnnxType.UInt8))
            return zeroPoint.Count == count ? builder.Numbers(zeroPoint, node) : throw Unmatched();
        // Nibbles in bytes are padded at the end of a row; those of the 4 bit types are not.
        long perRow = zeroPoint.Type == OnnxType.UInt8 ? (layout.Blocks + 1) / 2 * 2 : layout.Blocks;
        long nibbles = zeroPoint.Type == OnnxType.UInt8 ? zeroPoint.Count * 2 : zeroPoint.Count;
        if (layout.Bits != 4 || zeroPoint.Type is not (OnnxType.UInt8 or OnnxType.UInt4 or OnnxType.Int4) || nibbles != layout.Rows * perRow)
            throw Unmatched();
        ReadOnlySpan<byte> bytes = builder.Bytes(zeroPoint);
        float[] zeros = new float[count];
        for (int i = 0; i < zeros.Length; i++)
        {
            long place = i / layout.Blocks * perRow + i % layout.Blocks;
            int nibble = (bytes[(int)(place / 2)] >> (int)(place % 2 * 4)) & 15;
            zeros[i] = zeroPoint.Type == OnnxType.Int4 ? (nibble ^ 8) - 8 + shift : nibble;
        }
        return zeros;

        InferenceException Unmatched() => builder.Unknown(node, $"has the zero points {zeroPoint.Text} for {layout.Rows} rows of {layout.Blocks} blocks");
    }
}

/// <summary>How a matrix is cut into blocks along its rows.</summary>
internal sealed record BlockLayout(int Rows, int Columns, int BlockSize, int Bits)
{
    public int Blocks => (int)(((long)Columns + BlockSize - 1) / BlockSize);
}
