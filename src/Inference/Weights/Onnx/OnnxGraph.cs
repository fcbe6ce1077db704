namespace LlmService.Inference.Weights.Onnx;

/// <summary>The element types of ONNX that weights are stored in, with ONNX's own numbers.</summary>
internal enum OnnxType
{
    Float = 1,
    UInt8 = 2,
    Int8 = 3,
    Float16 = 10,
    BFloat16 = 16,
    UInt4 = 21,
    Int4 = 22,
}

/// <summary>A constant of a graph. Where its type is one of weights, its bytes were checked to lie inside of the file and to be as many as the shape says.</summary>
/// <param name="Name">Its name in the graph.</param>
/// <param name="Type">The type; a number that is not in <see cref="OnnxType"/> is one that no weights have.</param>
/// <param name="Shape">Its dimensions; the last one runs fastest.</param>
/// <param name="Bytes">Where its bytes are; null where it has none of ours.</param>
/// <param name="Offset">Where it begins there.</param>
internal sealed record OnnxTensor(string Name, OnnxType Type, IReadOnlyList<long> Shape, TensorBytes? Bytes, long Offset)
{
    public long Count => Shape.Aggregate(1L, (count, dimension) => checked(count * dimension));

    public long ByteCount => (Count * Bits(Type) + 7) / 8;

    public string Text => $"'{Name}' {Type.ToString().ToLowerInvariant()}[{string.Join(", ", Shape)}]";

    /// <summary>Bits of one number; 0 for a type that no weights have.</summary>
    public static int Bits(OnnxType type) => type switch
    {
        OnnxType.Float => 32,
        OnnxType.Float16 or OnnxType.BFloat16 => 16,
        OnnxType.UInt8 or OnnxType.Int8 => 8,
        OnnxType.UInt4 or OnnxType.Int4 => 4,
        _ => 0,
    };
}

/// <summary>One operation of a graph. Of its attributes only numbers are kept: no other kind says how weights are to be read.</summary>
internal sealed record OnnxNode(string Name, string Operator, IReadOnlyList<string> Inputs, IReadOnlyList<string> Outputs)
{
    public Dictionary<string, IReadOnlyList<long>> Integers { get; } = new(StringComparer.Ordinal);

    public Dictionary<string, float> Numbers { get; } = new(StringComparer.Ordinal);

    public string Text => Name.Length > 0 ? $"the node '{Name}' ({Operator})" : $"the node of '{string.Join(", ", Outputs)}' ({Operator})";

    /// <summary>The name of an input; empty where the node has none at this place.</summary>
    public string Input(int index) => index < Inputs.Count ? Inputs[index] : "";

    public string Output(int index) => index < Outputs.Count ? Outputs[index] : "";

    public long Integer(string name, long absent) => Integers.TryGetValue(name, out IReadOnlyList<long>? values) && values.Count == 1 ? values[0] : absent;
}

/// <summary>A graph, or the branch of an <c>If</c>, which sees the constants of the graph around it.</summary>
internal sealed class OnnxGraph(OnnxGraph? parent)
{
    public List<OnnxNode> Nodes { get; } = [];

    public Dictionary<string, OnnxTensor> Constants { get; } = new(StringComparer.Ordinal);

    public List<OnnxGraph> Branches { get; } = [];

    /// <summary>The constant that a name means here; null for anything computed.</summary>
    public OnnxTensor? Find(string name) => Constants.TryGetValue(name, out OnnxTensor? tensor) ? tensor : parent?.Find(name);
}
