using System.Runtime.InteropServices;

namespace LlmService.Benchmarks.Shapes;

/// <summary>Builds an ONNX graph node by node. Weights and constants stand in the outer graph, where the branches of an <c>If</c> find them.</summary>
internal sealed class OnnxGraphWriter
{
    // Numbers of the data types and fields of onnx.proto.
    public const int F32 = 1, U8 = 2, I8 = 3, I32 = 6, I64 = 7, Truth = 9, F16 = 10;
    private const int IrVersion = 8, OperatorSet = 14;
    private const string Contrib = "com.microsoft";

    private readonly OnnxMessage _graph = new();
    private readonly Dictionary<string, (OnnxMessage Head, byte[] Raw)> _tensors;
    private readonly string _prefix;
    private int _count;

    public OnnxGraphWriter() : this([], "") { }

    private OnnxGraphWriter(Dictionary<string, (OnnxMessage, byte[])> tensors, string prefix) => (_tensors, _prefix) = (tensors, prefix);

    /// <summary>A graph for a branch.</summary>
    public OnnxGraphWriter Branch(string name) => new(_tensors, name + "/");

    /// <summary>Adds a node with one output; returns its name.</summary>
    public string Node(string type, string[] inputs, params OnnxMessage[] attributes) => Nodes(type, inputs, 1, attributes)[0];

    /// <summary>Adds a node of ONNX Runtime's own operators, whose outputs have given names.</summary>
    public void Contributed(string type, string[] inputs, string[] outputs, params OnnxMessage[] attributes) =>
        Add(type, inputs, outputs, attributes, Contrib);

    /// <summary>Adds a node with several outputs; returns their names.</summary>
    public string[] Nodes(string type, string[] inputs, int outputs, params OnnxMessage[] attributes) => Add(type, inputs, Names(type, outputs), attributes, "");

    /// <summary>Gives a value the name that the outside knows.</summary>
    public void Rename(string value, string name, int type, int rank)
    {
        Add("Identity", [value], [name], [], "");
        Output(name, type, rank);
    }

    /// <summary>A node whose outputs have given names.</summary>
    public void Named(string type, string[] inputs, string[] outputs, params OnnxMessage[] attributes) => Add(type, inputs, outputs, attributes, "");

    public void Input(string name, int type, params object[] dimensions) => _graph.Message(11, Value(name, type, dimensions));

    public void Output(string name, int type, int rank) => _graph.Message(12, Value(name, type, [.. Enumerable.Range(0, rank).Select(i => (object)$"{name}_{i}")]));

    public string Tensor(string name, int type, long[] shape, byte[] raw)
    {
        OnnxMessage head = new();
        foreach (long dimension in shape)
            head.Number(1, dimension);
        head.Number(2, type).Text(8, name).Start(9, raw.Length);
        _tensors[name] = (head, raw);
        return name;
    }

    public string Floats(string name, long[] shape, float[] values) => Tensor(name, F32, shape, MemoryMarshal.AsBytes<float>(values).ToArray());

    public bool Has(string tensor) => _tensors.ContainsKey(tensor);

    /// <summary>A name that no other branch has.</summary>
    public string Own(string name) => _prefix + name;

    /// <summary>A constant list of whole numbers.</summary>
    public string List(params long[] values) => Tensor("list_" + string.Join('_', values), I64, [values.Length], MemoryMarshal.AsBytes<long>(values).ToArray());

    /// <summary>A constant whole number.</summary>
    public string Whole(long value) => Tensor("whole_" + value, I64, [], BitConverter.GetBytes(value));

    /// <summary>A constant number.</summary>
    public string Scalar(float value) => Tensor(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"scalar_{value:R}"), F32, [], BitConverter.GetBytes(value));

    public static OnnxMessage Attribute(string name, long value) => new OnnxMessage().Text(1, name).Number(3, value).Number(20, 2);

    public static OnnxMessage Attribute(string name, float value) => new OnnxMessage().Text(1, name).Single(2, value).Number(20, 1);

    public static OnnxMessage Attribute(string name, OnnxGraphWriter branch) =>
        new OnnxMessage().Text(1, name).Message(6, branch._graph.Text(2, name)).Number(20, 5);

    public static OnnxMessage Attribute(string name, long[] values)
    {
        OnnxMessage attribute = new OnnxMessage().Text(1, name);
        foreach (long value in values)
            attribute.Number(8, value);
        return attribute.Number(20, 7);
    }

    public void Write(string path)
    {
        _graph.Text(2, "shape");
        long length = _graph.Length + _tensors.Values.Sum(tensor => Head(tensor).Length + tensor.Head.Length + tensor.Raw.Length);
        using FileStream file = File.Create(path);
        new OnnxMessage().Number(1, IrVersion)
            .Message(8, new OnnxMessage().Text(1, "").Number(2, OperatorSet)).Message(8, new OnnxMessage().Text(1, Contrib).Number(2, 1))
            .Start(7, length).WriteTo(file);
        _graph.WriteTo(file);
        foreach ((OnnxMessage Head, byte[] Raw) tensor in _tensors.Values)
        {
            Head(tensor).WriteTo(file);
            tensor.Head.WriteTo(file);
            file.Write(tensor.Raw);
        }
    }

    private static OnnxMessage Head((OnnxMessage Head, byte[] Raw) tensor) => new OnnxMessage().Start(5, tensor.Head.Length + tensor.Raw.Length);

    private string[] Names(string type, int outputs) => [.. Enumerable.Range(0, outputs).Select(i => $"{_prefix}{type}_{_count}_{i}")];

    private string[] Add(string type, string[] inputs, string[] outputs, OnnxMessage[] attributes, string domain)
    {
        OnnxMessage node = new();
        foreach (string input in inputs)
            node.Text(1, input);
        foreach (string output in outputs)
            node.Text(2, output);
        node.Text(3, $"{_prefix}{type}_{_count++}").Text(4, type);
        foreach (OnnxMessage attribute in attributes)
            node.Message(5, attribute);
        _graph.Message(1, domain.Length == 0 ? node : node.Text(7, domain));
        return outputs;
    }

    private static OnnxMessage Value(string name, int type, object[] dimensions)
    {
        OnnxMessage shape = new();
        foreach (object dimension in dimensions)
            shape.Message(1, dimension is string symbol ? new OnnxMessage().Text(2, symbol) : new OnnxMessage().Number(1, Convert.ToInt64(dimension, System.Globalization.CultureInfo.InvariantCulture)));
        return new OnnxMessage().Text(1, name).Message(2, new OnnxMessage().Message(1, new OnnxMessage().Number(1, type).Message(2, shape)));
    }
}
