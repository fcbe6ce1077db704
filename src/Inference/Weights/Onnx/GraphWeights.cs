namespace LlmService.Inference.Weights.Onnx;

/// <summary>Finds the weights of a graph by the nodes that use them.</summary>
/// <param name="file">The graph's file, for messages.</param>
/// <param name="names">What its nodes are called.</param>
internal sealed class GraphWeights(string file, RoleNames names)
{
    // Smaller ones are constants of the arithmetic: factors, limits, frequencies of the rotation.
    private const int WeightsSize = 256;

    private readonly WeightBuilder _builder = new(file);
    private readonly Dictionary<string, StoredTensor> _found = new(StringComparer.Ordinal);
    private readonly PackedProjections _packed = new();

    /// <summary>All weights, by the names of published checkpoints.</summary>
    /// <exception cref="InferenceException">NoUsableWeights: something is not of a known layout. CorruptModel.</exception>
    public IEnumerable<StoredTensor> Find(OnnxGraph graph)
    {
        GraphIndex index = new(graph, null, file);
        Walk(index);
        CheckAllUsed(index);
        return _found.Values.SelectMany(_packed.Split);
    }

    private void Walk(GraphIndex graph)
    {
        IntegerProducts integers = new(graph, _builder);
        BlockProducts blocks = new(graph, _builder);
        foreach (OnnxNode node in graph.Nodes)
        {
            switch (node.Operator)
            {
                case "MatMul": AddProduct(graph, node, false); break;
                case "Gemm": AddProduct(graph, node, node.Integer("transB", 0) != 0); break;
                case "MatMulInteger": AddMatrix(node, graph.Constant(node.Input(1)), name => integers.Read(name, node)); break;
                case "MatMulNBits": AddMatrix(node, graph.Constant(node.Input(1)), name => blocks.ReadProduct(name, node)); AddBias(graph, node, 5); break;
                case "Gather": AddTable(graph, node); break;
                case "GatherBlockQuantized": AddMatrix(node, graph.Resolve(node.Input(0))?.Tensor, name => blocks.ReadTable(name, node)); break;
                case "Mul": AddNorm(graph, node, 0); AddNorm(graph, node, 1); break;
                case "Add": AddBias(graph, node, 0); AddBias(graph, node, 1); break;
                case "LayerNormalization": AddNorm(graph, node, 1); AddBias(graph, node, 2); break;
                case "SimplifiedLayerNormalization" or "RMSNormalization": AddNorm(graph, node, 1); break;
                case "SkipSimplifiedLayerNormalization": AddNorm(graph, node, 2); AddBias(graph, node, 3); break;
                case "GroupQueryAttention": CheckAttention(node); _packed.Add(names.ModuleOf(node.Name), node); break;
                case "RotaryEmbedding": CheckAttention(node); break;
            }
        }
        foreach (GraphIndex branch in graph.Branches)
            Walk(branch);
    }

    private void AddMatrix(OnnxNode node, OnnxTensor? tensor, Func<string, StoredTensor> read)
    {
        if (tensor is not null && names.Module(node, tensor.Name) is { } module)
            Add(read(module + ".weight"), node);
    }

    private void AddProduct(GraphIndex graph, OnnxNode node, bool outputsFirst)
    {
        if (graph.Resolve(node.Input(1)) is not { } operand || operand.Tensor.Shape.Count < 2)
            return;
        if (node.Numbers.Any(number => number.Key is "alpha" or "beta" && number.Value != 1))
            throw _builder.Unknown(node, "multiplies by a factor");
        AddMatrix(node, operand.Tensor, name => Matrix(name, graph, operand, outputsFirst != operand.IsTurned, node));
        AddBias(graph, node, 2);
    }

    private void AddTable(GraphIndex graph, OnnxNode node)
    {
        if (graph.Resolve(node.Input(0)) is not { Tensor.Shape.Count: 2, IsTurned: false } operand || node.Integer("axis", 0) != 0 || OnnxTensor.Bits(operand.Tensor.Type) == 0)
            return;
        // A quantised table is dequantised either whole or, mostly, in the rows that were gathered.
        OnnxNode? after = graph.Consumers(node.Output(0)) is [{ Operator: "DequantizeLinear" } only] ? only : null;
        AddMatrix(node, operand.Tensor, name => Matrix(name, graph, after is null ? operand : operand with { Dequantizer = operand.Dequantizer ?? after, Axis = 1 }, true, node));
    }

    private StoredTensor Matrix(string name, GraphIndex graph, Operand operand, bool outputsFirst, OnnxNode node)
    {
        StoredTensor matrix = _builder.Matrix(name, operand.Tensor, outputsFirst, node);
        if (operand.Dequantizer is not { } dequantizer)
            return matrix.Type is TensorType.I8 or TensorType.U8 ? throw _builder.Unknown(node, $"uses {operand.Tensor.Text} without scales") : matrix;
        OnnxTensor scale = graph.Constant(dequantizer.Input(1)) ?? throw _builder.Unknown(dequantizer, "computes its scales");
        if (dequantizer.Integer("block_size", 0) != 0)
            throw _builder.Unknown(dequantizer, "has scales of blocks");
        ScalingReader scalings = new(_builder);
        return matrix with { Scaling = scalings.Read(scale, graph.Constant(dequantizer.Input(2)), matrix.Shape[0], matrix.Shape[1], outputsFirst == (operand.Axis == 0), dequantizer) };
    }

    private void AddNorm(GraphIndex graph, OnnxNode node, int input)
    {
        if (Vector(graph, node, input) is { } tensor && names.Module(node, tensor.Name) is { } module && module[(module.LastIndexOf('.') + 1)..].Contains("norm", StringComparison.OrdinalIgnoreCase))
            Add(_builder.Vector(module + ".weight", tensor, node), node);
    }

    private void AddBias(GraphIndex graph, OnnxNode node, int input)
    {
        if (Vector(graph, node, input) is { } tensor && names.Module(node, tensor.Name) is { } module)
            Add(_builder.Vector(module + ".bias", tensor, node), node);
    }

    private static OnnxTensor? Vector(GraphIndex graph, OnnxNode node, int input) =>
        graph.Resolve(node.Input(input))?.Tensor is { Shape: [> 1] } tensor && OnnxTensor.Bits(tensor.Type) >= 16 ? tensor : null;

    private void CheckAttention(OnnxNode node)
    {
        if (node.Integer("rotary_interleaved", 0) != 0 || node.Integer("interleaved", 0) != 0)
            throw _builder.Unknown(node, "rotates neighbouring numbers");
        if (node.Numbers.GetValueOrDefault("softcap") != 0)
            throw _builder.Unknown(node, "caps its scores");
    }

    /// <summary>Both branches of an <c>If</c> use the same weights, mostly the very same constant.</summary>
    private void Add(StoredTensor tensor, OnnxNode node)
    {
        if (_found.TryAdd(tensor.Name, tensor))
            return;
        StoredTensor first = _found[tensor.Name];
        if ((ReferenceEquals(first.File, tensor.File) && first.Offset == tensor.Offset) || HasSameBytes(first, tensor))
            return;
        throw _builder.Unknown(node, $"uses other weights for '{tensor.Name}' than a node before it");
    }

    private static bool HasSameBytes(StoredTensor a, StoredTensor b) =>
        a.Type == b.Type && a.Shape.SequenceEqual(b.Shape) && a.ByteCount <= Array.MaxLength && Scaling.AreEqual(a.Scaling, b.Scaling)
        && a.File.Span(a.Offset, (int)a.ByteCount).SequenceEqual(b.File.Span(b.Offset, (int)b.ByteCount));

    /// <summary>Weights that are silently left out give wrong answers. A constant that no node uses is none.</summary>
    private void CheckAllUsed(GraphIndex graph)
    {
        foreach (OnnxTensor tensor in graph.Constants.Where(t => OnnxTensor.Bits(t.Type) > 0 && t.Count >= WeightsSize && !_builder.IsUsed(t)))
        {
            if (graph.AllConsumers(tensor.Name).FirstOrDefault(node => !IsArithmetic(node)) is { } node)
                throw _builder.Unknown(node, $"uses {tensor.Text} in a way that no known weight is used");
        }
        foreach (GraphIndex branch in graph.Branches)
            CheckAllUsed(branch);
    }

    // Positions are rotated by what config.json says, so the graph's own tables of sines are not read.
    private static bool IsArithmetic(OnnxNode node) =>
        node.Operator is "GroupQueryAttention" or "RotaryEmbedding" || node.Name.Contains("rotary", StringComparison.Ordinal);
}
