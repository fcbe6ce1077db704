namespace LlmService.Inference.Weights.Onnx;

/// <summary>Reads a graph: its nodes, its constants, the branches of its <c>If</c> nodes (github.com/onnx/onnx, onnx.proto).</summary>
/// <param name="file">The mapped file of the graph.</param>
/// <param name="externalData">The files beside it.</param>
internal sealed class OnnxParser(MappedFile file, ExternalData externalData)
{
    private const int MaxDepth = 8;
    private const int MaxNodes = 200_000;
    private const int MaxConstants = 200_000;
    private const int MaxNames = 1_000_000;
    private const int MaxGraphs = 256;
    private const int MaxKeptNumbers = 16;
    private int _graphs;
    private int _nodes;
    private int _constants;
    private int _names;

    /// <summary>Reads the whole file.</summary>
    /// <exception cref="InferenceException">CorruptModel, NoUsableWeights.</exception>
    public OnnxGraph Read()
    {
        // Protocol buffers end at 2 GB; larger weights lie in files of their own.
        if (file.Length > int.MaxValue)
            throw new InferenceException(InferenceFailure.CorruptModel, $"'{file.Path}' is no ONNX graph: it has more than 2 GB.") { File = file.Path };
        ProtobufReader model = new(file.Span(0, (int)file.Length), 0, file.Path);
        OnnxGraph? graph = null;
        while (model.Next())
        {
            if (model.Field != 7)
                model.Skip();
            else if (graph is not null)
                throw model.Corrupt("has two graphs");
            else
                graph = ReadGraph(model.ReadMessage(), null, 0);
        }
        return graph ?? throw model.Corrupt("has no graph");
    }

    private OnnxGraph ReadGraph(ProtobufReader reader, OnnxGraph? parent, int depth)
    {
        if (depth == MaxDepth)
            throw reader.Corrupt($"has more than {MaxDepth} graphs inside of each other");
        if (++_graphs > MaxGraphs)
            throw reader.Corrupt($"has more than {MaxGraphs} graphs");
        OnnxGraph graph = new(parent);
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case 1:
                    ReadNode(reader.ReadMessage(), graph, depth);
                    break;
                case 5:
                    AddConstant(graph, ReadTensor(reader.ReadMessage(), null), reader);
                    break;
                case 15:
                    throw NoUsableWeights("it has sparse weights");
                default:
                    reader.Skip();
                    break;
            }
        }
        return graph;
    }

    private void ReadNode(ProtobufReader reader, OnnxGraph graph, int depth)
    {
        if (++_nodes > MaxNodes)
            throw reader.Corrupt($"has more than {MaxNodes} nodes");
        List<string> inputs = [], outputs = [];
        string name = "", kind = "";
        OnnxNode attributes = new("", "", [], []);
        OnnxTensor? value = null;
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case 1: inputs.Add(ReadName(ref reader)); break;
                case 2: outputs.Add(ReadName(ref reader)); break;
                case 3: name = reader.ReadText(); break;
                case 4: kind = reader.ReadText(); break;
                case 5: value = ReadAttribute(reader.ReadMessage(), attributes, graph, depth) ?? value; break;
                default: reader.Skip(); break;
            }
        }
        OnnxNode node = new(name, kind, inputs, outputs);
        Copy(attributes, node);
        if (kind == "Constant" && value is not null && outputs.Count == 1)
            AddConstant(graph, value with { Name = outputs[0] }, reader);
        else
            graph.Nodes.Add(node);
    }

    private static void Copy(OnnxNode from, OnnxNode to)
    {
        foreach ((string name, IReadOnlyList<long> values) in from.Integers)
            to.Integers[name] = values;
        foreach ((string name, float value) in from.Numbers)
            to.Numbers[name] = value;
    }

    /// <summary>Keeps numbers and branches; returns the tensor of a <c>value</c>.</summary>
    private OnnxTensor? ReadAttribute(ProtobufReader reader, OnnxNode node, OnnxGraph graph, int depth)
    {
        string name = "";
        List<long> integers = [];
        float? number = null;
        OnnxTensor? tensor = null;
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case 1: name = ReadName(ref reader); break;
                case 2: number = reader.ReadFloat(); break;
                case 3 or 8: reader.ReadIntegers(integers, 1024); break;
                case 5: tensor = ReadTensor(reader.ReadMessage(), ""); break;
                case 6 or 11: graph.Branches.Add(ReadGraph(reader.ReadMessage(), graph, depth + 1)); break;
                default: reader.Skip(); break;
            }
        }
        if (integers.Count is > 0 and <= MaxKeptNumbers)
            node.Integers[name] = integers;
        if (number is { } value)
            node.Numbers[name] = value;
        return name == "value" ? tensor : null;
    }

    private OnnxTensor ReadTensor(ProtobufReader reader, string? name)
    {
        if (++_constants > MaxConstants)
            throw reader.Corrupt($"has more than {MaxConstants} constants");
        TensorReader tensor = new(file, externalData);
        return tensor.Read(reader, name);
    }

    private static void AddConstant(OnnxGraph graph, OnnxTensor tensor, ProtobufReader reader)
    {
        if (!graph.Constants.TryAdd(tensor.Name, tensor))
            throw reader.Corrupt($"names the constant '{tensor.Name}' twice");
    }

    private string ReadName(ref ProtobufReader reader) =>
        ++_names <= MaxNames ? reader.ReadText() : throw reader.Corrupt($"has more than {MaxNames} names");

    private InferenceException NoUsableWeights(string what) =>
        new(InferenceFailure.NoUsableWeights, $"'{file.Path}': {what}, which is not of a known layout.") { File = file.Path };
}
