namespace LlmService.Inference.Weights.Onnx;

/// <summary>A constant that a node uses, straight or by way of nodes that only change its type or turn it.</summary>
/// <param name="Tensor">The constant.</param>
/// <param name="IsTurned">Whether the node sees it transposed.</param>
/// <param name="Dequantizer">The <c>DequantizeLinear</c> on the way; null where there is none.</param>
/// <param name="Axis">The dimension of the constant along which the dequantizer's scales run.</param>
internal sealed record Operand(OnnxTensor Tensor, bool IsTurned, OnnxNode? Dequantizer, long Axis);

/// <summary>Who makes and who uses the values of a graph.</summary>
internal sealed class GraphIndex
{
    private const int MaxSteps = 8;

    private readonly OnnxGraph _graph;
    private readonly GraphIndex? _parent;
    private readonly Dictionary<string, OnnxNode> _producers = new(StringComparer.Ordinal);
    private readonly Dictionary<string, List<OnnxNode>> _consumers = new(StringComparer.Ordinal);

    public GraphIndex(OnnxGraph graph, GraphIndex? parent, string file)
    {
        _graph = graph;
        _parent = parent;
        foreach (OnnxNode node in graph.Nodes)
        {
            foreach (string output in node.Outputs.Where(name => name.Length > 0))
            {
                if (graph.Constants.ContainsKey(output) || !_producers.TryAdd(output, node))
                    throw new InferenceException(InferenceFailure.CorruptModel, $"'{file}' is no ONNX graph: it makes the value '{output}' twice.") { File = file };
            }
            foreach (string input in node.Inputs.Where(name => name.Length > 0))
            {
                if (!_consumers.TryGetValue(input, out List<OnnxNode>? nodes))
                    _consumers[input] = nodes = [];
                nodes.Add(node);
            }
        }
        Branches = [.. graph.Branches.Select(branch => new GraphIndex(branch, this, file))];
    }

    public IReadOnlyList<OnnxNode> Nodes => _graph.Nodes;

    /// <summary>The constants of this graph itself.</summary>
    public IEnumerable<OnnxTensor> Constants => _graph.Constants.Values;

    public IReadOnlyList<GraphIndex> Branches { get; }

    public OnnxTensor? Constant(string name) => _graph.Find(name);

    public OnnxNode? Producer(string name) => _producers.TryGetValue(name, out OnnxNode? node) ? node : _parent?.Producer(name);

    /// <summary>The nodes of this graph that use a value.</summary>
    public IReadOnlyList<OnnxNode> Consumers(string name) => _consumers.TryGetValue(name, out List<OnnxNode>? nodes) ? nodes : [];

    /// <summary>The nodes of this graph and of its branches that use a value.</summary>
    public IEnumerable<OnnxNode> AllConsumers(string name) => Consumers(name).Concat(Branches.SelectMany(branch => branch.AllConsumers(name)));

    /// <summary>The constant behind an input; null when the input is computed.</summary>
    public Operand? Resolve(string name)
    {
        bool isTurned = false;
        OnnxNode? dequantizer = null;
        long axis = 1;
        for (int step = 0; step < MaxSteps; step++)
        {
            if (Constant(name) is { } tensor)
                return new(tensor, isTurned, dequantizer, axis);
            switch (Producer(name))
            {
                case { Operator: "Identity" or "Cast" } node:
                    name = node.Input(0);
                    break;
                case { Operator: "Transpose" } node when Turns(node):
                    isTurned = !isTurned;
                    axis = 1 - axis;
                    name = node.Input(0);
                    break;
                case { Operator: "DequantizeLinear" } node when dequantizer is null:
                    dequantizer = node;
                    axis = node.Integer("axis", 1);
                    axis = axis < 0 ? axis + 2 : axis;
                    name = node.Input(0);
                    break;
                default:
                    return null;
            }
        }
        return null;
    }

    private static bool Turns(OnnxNode node) =>
        !node.Integers.TryGetValue("perm", out IReadOnlyList<long>? order) || order is [1, 0];
}
