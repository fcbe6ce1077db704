namespace LlmService.Inference.Weights.Onnx;

/// <summary>Weights in blocks along each row with a scale of their own: the operations <c>MatMulNBits</c> and <c>GatherBlockQuantized</c> of com.microsoft.</summary>
internal sealed class BlockProducts(GraphIndex graph, WeightBuilder builder)
{
    private readonly ScalingReader _scalings = new(builder);

    /// <summary>The weights of a product: [outputs, blocks, bytes of a block].</summary>
    public StoredTensor ReadProduct(string name, OnnxNode node)
    {
        OnnxTensor tensor = graph.Constant(node.Input(1))!;
        BlockLayout layout = Layout(node, node.Integer("N", 0), node.Integer("K", 0), node.Integer("bits", 4), node.Integer("block_size", 0));
        if (node.Input(4).Length > 0)
            throw builder.Unknown(node, "has its columns in another order");
        if (tensor.Type != OnnxType.UInt8 || tensor.ByteCount != (long)layout.Rows * layout.Blocks * (layout.BlockSize * layout.Bits / 8))
            throw builder.Unknown(node, $"uses {tensor.Text}, which is not {layout.Rows} rows of {layout.Blocks} blocks of {layout.BlockSize}");
        StoredTensor matrix = Matrix(name, tensor, layout, 0, node);
        return matrix with { Scaling = _scalings.ReadBlocks(Constant(node, 2), ZeroPoint(node), 1 << (layout.Bits - 1), 0, layout, node) };
    }

    /// <summary>A table of embeddings: [entries, bytes or numbers of an entry].</summary>
    public StoredTensor ReadTable(string name, OnnxNode node)
    {
        OnnxTensor tensor = graph.Resolve(node.Input(0))!.Tensor;
        bool isPacked = tensor.Type == OnnxType.UInt8;
        if (tensor.Shape.Count != 2 || node.Integer("gather_axis", 0) != 0 || node.Integer("quantize_axis", 1) is not (1 or -1) || (!isPacked && OnnxTensor.Bits(tensor.Type) != 4))
            throw builder.Unknown(node, $"uses {tensor.Text} along other axes than a table of embeddings");
        long bits = isPacked ? node.Integer("bits", 4) : 4;
        BlockLayout layout = Layout(node, tensor.Shape[0], isPacked && bits == 4 ? tensor.Shape[1] * 2 : tensor.Shape[1], bits, node.Integer("block_size", 128));
        if (tensor.ByteCount % layout.Rows != 0 || (layout.Bits == 4 && layout.Columns % 2 != 0))
            throw builder.Unknown(node, $"uses {tensor.Text}, whose rows are no whole bytes");
        // Signed nibbles become unsigned ones that are 8 larger.
        int shift = tensor.Type == OnnxType.Int4 ? 8 : 0;
        StoredTensor table = Matrix(name, tensor, layout, (byte)(shift == 0 ? 0 : 0x88), node);
        return table with { Scaling = _scalings.ReadBlocks(Constant(node, 2), ZeroPoint(node), isPacked ? 1 << (layout.Bits - 1) : 0, shift, layout, node) };
    }

    private StoredTensor Matrix(string name, OnnxTensor tensor, BlockLayout layout, byte flip, OnnxNode node) =>
        builder.Rows(name, tensor, layout.Bits == 4 ? TensorType.U4 : TensorType.U8, [layout.Rows, layout.Columns], flip, node);

    private BlockLayout Layout(OnnxNode node, long rows, long columns, long bits, long blockSize)
    {
        const long most = 1 << 30;
        if (rows is < 1 or > most || columns is < 1 or > most || bits is not (4 or 8) || blockSize is < 16 or > 4096 || blockSize % 16 != 0)
            throw builder.Unknown(node, $"has {rows} rows of {columns} numbers of {bits} bits in blocks of {blockSize}; 4 and 8 bits in blocks of 16 to 4096 are read");
        return new((int)rows, (int)columns, (int)blockSize, (int)bits);
    }

    private OnnxTensor? ZeroPoint(OnnxNode node) => node.Input(3).Length == 0 ? null : Constant(node, 3);

    private OnnxTensor Constant(OnnxNode node, int input) =>
        graph.Resolve(node.Input(input))?.Tensor ?? throw builder.Unknown(node, $"computes its input {input}");
}
