using LlmService.Inference.Weights;
using LlmService.Inference.Weights.Onnx;

namespace LlmService.Inference.Tests.Weights.Onnx;

/// <summary>Graphs that are written by hand: what is found in them, and what is refused.</summary>
public sealed class OnnxWeightsTests : IDisposable
{
    private const string Query = "/model/layers.0/self_attn/q_proj";
    private const string QueryName = "model.layers.0.self_attn.q_proj.weight";

    private readonly CheckpointFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Read_Product_IsTurnedAndNamedAfterItsNode()
    {
        using Checkpoint weights = Open(new OnnxGraphFile().Constant("onnx::MatMul_7", [2, 3], 1, 2, 3, 4, 5, 6).Node("MatMul", Query + "/MatMul", ["x", "onnx::MatMul_7"], ["y"]));

        Assert.Equal([1, 4, 2, 5, 3, 6], weights.Get(QueryName, 3, 2).ToArray());
    }

    [Fact]
    public void Read_ProductWithATransposedTable_StaysAsItIs()
    {
        using Checkpoint weights = Open(new OnnxGraphFile().Constant("shared", [3, 2], 1, 2, 3, 4, 5, 6)
            .Node("Gather", "/model/embed_tokens/Gather", ["shared", "ids"], ["x"])
            .Node("Transpose", "/lm_head/Transpose", ["shared"], ["t"])
            .Node("MatMul", "/lm_head/MatMul", ["y", "t"], ["logits"]));

        Assert.Equal([1, 2, 3, 4, 5, 6], weights.Get("lm_head.weight", 3, 2).ToArray());
        Assert.Equal([1, 2, 3, 4, 5, 6], weights.Get("model.embed_tokens.weight", 3, 2).ToArray());
        Assert.True(weights.HasOwnHead);
    }

    [Fact]
    public void Read_UnnamedNode_IsNamedAfterItsConstant()
    {
        using Checkpoint weights = Open(new OnnxGraphFile().Constant("model.layers.0.attn.q_proj.MatMul.weight", [1, 2], 1, 2).Node("MatMul", "", ["x", "model.layers.0.attn.q_proj.MatMul.weight"], ["y"]));

        Assert.Equal([1, 2], weights.Get(QueryName, 2, 1).ToArray());
    }

    [Theory]
    [InlineData(true, new byte[] { 0, 255 }, new float[] { 2, 6, -10, -10, 30, 80 })]
    [InlineData(false, new byte[] { 1, 0 }, new float[] { 0, 4, 500, 2540, 20, 70 })]
    public void Read_IntegerProduct_KeepsBytesAndScales(bool isSigned, byte[] zeroPoints, float[] expected)
    {
        OnnxType type = isSigned ? OnnxType.Int8 : OnnxType.UInt8;
        byte[] numbers = [1, 254, 3, 2, 251, 7];
        using Checkpoint weights = Open(new OnnxGraphFile().IntegerProduct(Query, "x", "w")
            .Constant("w_quantized", type, [3, 2], numbers).Constant("w_scale", [2], 2, 10).Constant("w_zero_point", type, [2], zeroPoints));

        StoredTensor tensor = weights.Get(QueryName, 2, 3);
        Assert.Equal(6, tensor.ByteCount);
        Assert.True(tensor.QuantizesInput);
        Assert.Equal(expected, tensor.ToArray());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Read_QuantizedTable_IsDequantizedBeforeOrAfterTheGathering(bool before)
    {
        OnnxGraphFile graph = new OnnxGraphFile().Constant("table", OnnxType.UInt8, [2, 2], [1, 2, 3, 4]).Constant("scale", [], 0.5f).Constant("zero", OnnxType.UInt8, [], [2]);
        graph = before
            ? graph.Node("DequantizeLinear", "d", ["table", "scale", "zero"], ["f"]).Node("Gather", "/model/embed_tokens/Gather", ["f", "ids"], ["x"])
            : graph.Node("Gather", "/model/embed_tokens/Gather_quant", ["table", "ids"], ["q"]).Node("DequantizeLinear", "d", ["q", "scale", "zero"], ["x"]);
        using Checkpoint weights = Open(graph);

        Assert.Equal([-0.5f, 0, 0.5f, 1], weights.Get("model.embed_tokens.weight", 2, 2).ToArray());
    }

    [Fact]
    public void Read_BlocksOfNibbles_WithPackedZeroPointsAndPaddedRows()
    {
        // One row of 40 numbers in blocks of 16: the third block is half empty, and a row of ours is two blocks of 32.
        byte[] nibbles = [.. Enumerable.Range(0, 24).Select(i => (byte)(i % 16 | (i + 1) % 16 << 4))];
        using Checkpoint weights = Open(new OnnxGraphFile().Constant("q", OnnxType.UInt8, [1, 3, 8], nibbles).Constant("s", [3], 1, 2, 4).Constant("z", OnnxType.UInt8, [2], [0x21, 0x03])
            .Node("MatMulNBits", Query + "/MatMul_Q4", ["x", "q", "s", "z"], ["y"], OnnxGraphFile.Attribute("K", 40), OnnxGraphFile.Attribute("N", 1), OnnxGraphFile.Attribute("bits", 4), OnnxGraphFile.Attribute("block_size", 16)));

        float[] found = weights.Get(QueryName, 1, 40).ToArray();
        for (int i = 0; i < 40; i++)
        {
            int stored = (nibbles[i / 2] >> (i % 2 * 4)) & 15;
            Assert.Equal((stored - (i / 16 + 1)) * (1 << (i / 16)), found[i]);
        }
    }

    [Fact]
    public void Read_TableOfSignedNibbles_HasZeroInTheMiddle()
    {
        using Checkpoint weights = Open(new OnnxGraphFile().Constant("t", OnnxType.Int4, [1, 32], [0x80, 0x7F, .. new byte[14]]).Constant("s", [1, 2], 1, 1)
            .Node("GatherBlockQuantized", "/model/embed_tokens/Gather_Q4", ["t", "ids", "s"], ["x"], OnnxGraphFile.Attribute("block_size", 16), OnnxGraphFile.Attribute("quantize_axis", 1)));

        Assert.Equal([0, -8, -1, 7, 0, 0], weights.Get("model.embed_tokens.weight", 1, 32).ToArray()[..6]);
    }

    [Fact]
    public void Read_PackedProjection_IsSplitByTheHeadsOfItsAttention()
    {
        float[] numbers = [.. Enumerable.Range(0, 8).Select(i => (float)i)];
        using Checkpoint weights = Open(new OnnxGraphFile().Constant("model.layers.0.attn.qkv_proj.MatMul.weight", [1, 8], numbers).Constant("model.layers.0.attn.qkv_proj.Add.bias", [8], numbers)
            .Node("MatMul", "/model/layers.0/attn/qkv_proj/MatMul", ["x", "model.layers.0.attn.qkv_proj.MatMul.weight"], ["p"])
            .Node("Add", "/model/layers.0/attn/qkv_proj/Add", ["p", "model.layers.0.attn.qkv_proj.Add.bias"], ["b"])
            .Node("GroupQueryAttention", "/model/layers.0/attn/GroupQueryAttention", ["b"], ["a"], OnnxGraphFile.Attribute("num_heads", 2), OnnxGraphFile.Attribute("kv_num_heads", 1)));

        Assert.Equal([0, 1, 2, 3], weights.Get(QueryName, 4, 1).ToArray());
        Assert.Equal([4, 5], weights.Get("model.layers.0.self_attn.k_proj.weight", 2, 1).ToArray());
        Assert.Equal([6, 7], weights.Get("model.layers.0.self_attn.v_proj.bias", 2).ToArray());
    }

    [Fact]
    public void Read_NormsOfTheModelBuilder_HaveTheirPublishedNames()
    {
        using Checkpoint weights = Open(new OnnxGraphFile().Constant("a", [2], 1, 2).Constant("b", [2], 3, 4)
            .Node("SimplifiedLayerNormalization", "/model/layers.0/input_layernorm/LayerNorm", ["x", "a"], ["y"])
            .Node("SkipSimplifiedLayerNormalization", "/model/layers.1/final_norm_layernorm/SkipLayerNorm", ["y", "x", "b"], ["z"]));

        Assert.Equal([1, 2], weights.Get("model.layers.0.input_layernorm.weight", 2).ToArray());
        Assert.Equal([3, 4], weights.Get("model.norm.weight", 2).ToArray());
    }

    [Fact]
    public void Read_PartsOfEncoders_HaveTheirPublishedNames()
    {
        using Checkpoint weights = Open(new OnnxGraphFile().Constant("a", [2], 1, 2).Constant("b", [2], 3, 4).Constant("c", [2, 1], 5, 6).Constant("d", [2], 7, 8).Constant("e", [2, 1], 9, 10).Constant("f", [1, 2], 11, 12)
            .Node("LayerNormalization", "/bert/embeddings/LayerNorm/LayerNormalization", ["x", "a", "b"], ["y"])
            .Node("Gemm", "/classifier/Gemm", ["y", "c", "d"], ["z"])
            .Node("MatMul", "/encoder/layer.0/attention/attn/q/MatMul", ["y", "e"], ["w"])
            .Node("Gather", "/distilbert/embeddings/word_embeddings/Gather", ["f", "ids"], ["v"]));

        Assert.Equal([1, 2], weights.Get("bert.embeddings.LayerNorm.weight", 2).ToArray());
        Assert.Equal([3, 4], weights.Get("bert.embeddings.LayerNorm.bias", 2).ToArray());
        Assert.Equal([5, 6], weights.Get("classifier.weight", 1, 2).ToArray());
        Assert.Equal([7, 8], weights.Get("classifier.bias", 2).ToArray());
        Assert.Equal([9, 10], weights.Get("encoder.layer.0.attention.attn.q.weight", 1, 2).ToArray());
        Assert.Equal([11, 12], weights.Get("distilbert.embeddings.word_embeddings.weight", 1, 2).ToArray());
    }

    [Fact]
    public void Read_BothBranchesOfAnIf_MayUseTheSameWeights()
    {
        OnnxGraphFile Branch(params float[] numbers) => new OnnxGraphFile().Constant("w", [1, 2], numbers).Node("MatMul", Query + "/MatMul", ["x", "w"], ["y"]);
        OnnxGraphFile If(OnnxGraphFile second) => new OnnxGraphFile().Node("If", "if", ["c"], ["y"], OnnxGraphFile.Branch("then_branch", Branch(1, 2)), OnnxGraphFile.Branch("else_branch", second));
        using (Checkpoint weights = Open(If(Branch(1, 2))))
            Assert.Equal([1, 2], weights.Get(QueryName, 2, 1).ToArray());

        Refused(InferenceFailure.NoUsableWeights, If(Branch(1, 3)), "uses other weights");
    }

    [Fact]
    public void Read_ExternalData_LiesBesideTheGraph()
    {
        _folder.Write("model.onnx_data", CheckpointFolder.Bytes(0, 1, 2));
        using Checkpoint weights = Open(External(("location", "model.onnx_data"), ("offset", "4"), ("length", "8")), "model.onnx_data");

        Assert.Equal([1, 2], weights.Get(QueryName, 2, 1).ToArray());
    }

    [Theory]
    [InlineData("../model.onnx_data", "0", "8", InferenceFailure.CorruptModel, "no file of its own folder")]
    [InlineData("/etc/passwd", "0", "8", InferenceFailure.CorruptModel, "no file of its own folder")]
    [InlineData("..", "0", "8", InferenceFailure.CorruptModel, "no file of its own folder")]
    [InlineData("other.bin", "0", "8", InferenceFailure.NoUsableWeights, "not among its data files")]
    [InlineData("model.onnx_data", "8", "8", InferenceFailure.CorruptModel, "outside of the 12 bytes")]
    [InlineData("model.onnx_data", "9223372036854775807", "8", InferenceFailure.CorruptModel, "outside of the 12 bytes")]
    [InlineData("model.onnx_data", "-4", "8", InferenceFailure.CorruptModel, "is no number")]
    [InlineData("model.onnx_data", "0", "4", InferenceFailure.CorruptModel, "the shape needs 8")]
    public void Read_ExternalDataElsewhere_IsRefused(string location, string offset, string length, InferenceFailure failure, string message)
    {
        _folder.Write("model.onnx_data", CheckpointFolder.Bytes(0, 1, 2));
        _folder.Write("other.bin", CheckpointFolder.Bytes(0, 1, 2));

        Refused(failure, External(("location", location), ("offset", offset), ("length", length)), message, "model.onnx_data");
    }

    [Fact]
    public void Read_NotOfAKnownLayout_IsRefusedByName()
    {
        OnnxGraphFile Plain() => new OnnxGraphFile().Constant("w", [16, 16], new float[256]);
        byte[] bits = new byte[256];

        Refused(InferenceFailure.NoUsableWeights, Plain().Node("MatMul", "MatMul_12", ["x", "w"], ["y"]), "MatMul_12");
        Refused(InferenceFailure.NoUsableWeights, Plain().Node("Einsum", Query + "/Einsum", ["x", "w"], ["y"]), "uses 'w' float[16, 16] in a way");
        Refused(InferenceFailure.NoUsableWeights, Plain().Node("Gemm", Query + "/Gemm", ["x", "w"], ["y"], OnnxGraphFile.Message(OnnxGraphFile.Text(1, "alpha"), [0x15, 0, 0, 0, 0x40])), "by a factor");
        Refused(InferenceFailure.NoUsableWeights, new OnnxGraphFile().Constant("w", OnnxType.Int8, [16, 16], bits).Node("MatMulInteger", Query + "/MatMul_quant", ["x", "w"], ["y"]), "DynamicQuantizeLinear");
        Refused(InferenceFailure.NoUsableWeights, new OnnxGraphFile().Constant("w", OnnxType.Int8, [16, 16], bits).Node("MatMul", Query + "/MatMul", ["x", "w"], ["y"]), "without scales");
        Refused(InferenceFailure.NoUsableWeights, new OnnxGraphFile().Node("RotaryEmbedding", "r", ["x"], ["y"], OnnxGraphFile.Attribute("interleaved", 1)), "neighbouring");
        Refused(InferenceFailure.NoUsableWeights, new OnnxGraphFile().Constant("w", OnnxType.UInt8, [1, 1, 16], bits.AsSpan(0, 16)).Constant("s", [2], 1, 1)
            .Node("MatMulNBits", Query + "/MatMul_Q4", ["x", "w", "s"], ["y"], OnnxGraphFile.Attribute("K", 32), OnnxGraphFile.Attribute("N", 1), OnnxGraphFile.Attribute("block_size", 32)), "2 scales");
    }

    [Fact]
    public void Read_ConstantsOfTheArithmetic_AreLeft()
    {
        using Checkpoint weights = Open(new OnnxGraphFile().Constant("cos", [64, 16], new float[1024]).Constant("half", [], 0.5f)
            .Node("Gather", "/model/rotary_emb/Gather", ["cos", "p"], ["c"]).Node("Mul", "/model/layers.0/mlp/act_fn/Mul", ["x", "half"], ["y"]));

        weights.CheckAllUsed(_ => false);
    }

    [Fact]
    public void Get_MissingRole_NamesTheGraph()
    {
        using Checkpoint weights = Open(new OnnxGraphFile());

        InferenceException exception = Assert.Throws<InferenceException>(() => weights.Get(QueryName, 2, 2));
        Assert.Equal(InferenceFailure.NoUsableWeights, exception.Failure);
        Assert.Contains("model.onnx", exception.Message, StringComparison.Ordinal);
        Assert.Contains(QueryName, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_DamagedGraph_IsRefused()
    {
        OnnxGraphFile deep = new();
        for (int i = 0; i < 20; i++)
            deep = new OnnxGraphFile().Node("If", "if", ["c"], ["y"], OnnxGraphFile.Branch("then_branch", deep));
        Refused(InferenceFailure.CorruptModel, deep, "inside of each other");
        Refused(InferenceFailure.CorruptModel, new OnnxGraphFile().Constant("w", [1], 1).Constant("w", [1], 1), "'w' twice");
        Refused(InferenceFailure.CorruptModel, new OnnxGraphFile().Node("Add", "a", ["x", "x"], ["y"]).Node("Add", "b", ["x", "x"], ["y"]), "'y' twice");
        Refused(InferenceFailure.CorruptModel, new OnnxGraphFile().Constant("w", [3], 1, 2), "the shape needs 12");
        Refused(InferenceFailure.CorruptModel, new OnnxGraphFile().Constant("w", OnnxType.Float, [1L << 40, 1L << 40], []), "impossible shape");
        Refused(InferenceFailure.CorruptModel, new OnnxGraphFile().Constant("w", OnnxType.Float, [-1], []), "impossible shape");
        Refused(InferenceFailure.CorruptModel, [0x3A, 0x7F], "middle of a field");
        Refused(InferenceFailure.CorruptModel, [], "has no graph");
    }

    private static OnnxGraphFile External(params ReadOnlySpan<(string Key, string Value)> place) =>
        new OnnxGraphFile().External("w", OnnxType.Float, [1, 2], place).Node("MatMul", Query + "/MatMul", ["x", "w"], ["y"]);

    private Checkpoint Open(OnnxGraphFile graph, params string[] data)
    {
        _folder.Write("model.onnx", graph.ToFile());
        return OpenFolder(data);
    }

    private Checkpoint OpenFolder(string[] data) => Checkpoint.Open(_folder.Folder, new() { Format = WeightFormat.Onnx, Variant = "fp32", Files = ["model.onnx", .. data] });

    private void Refused(InferenceFailure failure, OnnxGraphFile graph, string message, params string[] data) => Refused(failure, graph.ToFile(), message, data);

    private void Refused(InferenceFailure failure, byte[] file, string message, params string[] data)
    {
        _folder.Write("model.onnx", file);
        InferenceException exception = Assert.Throws<InferenceException>(() => OpenFolder(data).Dispose());
        Assert.Contains(message, exception.Message, StringComparison.Ordinal);
        Assert.Equal(failure, exception.Failure);
    }
}
