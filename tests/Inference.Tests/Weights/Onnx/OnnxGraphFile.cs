using System.Runtime.InteropServices;
using System.Text;
using LlmService.Inference.Weights.Onnx;

namespace LlmService.Inference.Tests.Weights.Onnx;

/// <summary>A graph that is written by hand, field by field, as protocol buffers have it.</summary>
internal sealed class OnnxGraphFile
{
    private readonly List<byte> _graph = [];

    /// <summary>The file of the graph.</summary>
    public byte[] ToFile() => Message(Number(1, 8), Bytes(7, _graph.ToArray()));

    public byte[] ToGraph() => _graph.ToArray();

    public OnnxGraphFile Node(string kind, string name, string[] inputs, string[] outputs, params ReadOnlySpan<byte[]> attributes)
    {
        List<byte[]> fields = [.. inputs.Select(input => Text(1, input)), .. outputs.Select(output => Text(2, output)), Text(3, name), Text(4, kind)];
        foreach (byte[] attribute in attributes)
            fields.Add(Bytes(5, attribute));
        return Add(Bytes(1, Message([.. fields])));
    }

    /// <summary>A constant whose numbers lie in the graph.</summary>
    public OnnxGraphFile Constant(string name, OnnxType type, long[] shape, ReadOnlySpan<byte> numbers) => Add(Bytes(5, Tensor(name, type, shape, Bytes(9, numbers.ToArray()))));

    public OnnxGraphFile Constant(string name, long[] shape, params float[] numbers) => Constant(name, OnnxType.Float, shape, MemoryMarshal.AsBytes<float>(numbers));

    /// <summary>A constant whose numbers lie in another file.</summary>
    public OnnxGraphFile External(string name, OnnxType type, long[] shape, params ReadOnlySpan<(string Key, string Value)> place)
    {
        List<byte[]> fields = [Number(14, 1)];
        foreach ((string key, string value) in place)
            fields.Add(Bytes(13, Message(Text(1, key), Text(2, value))));
        return Add(Bytes(5, Tensor(name, type, shape, [.. fields])));
    }

    /// <summary>A product as the quantizer writes it: <c>DynamicQuantizeLinear</c>, <c>MatMulInteger</c>, a cast, two multiplications.</summary>
    public OnnxGraphFile IntegerProduct(string path, string input, string weights) =>
        Node("DynamicQuantizeLinear", path + "/input_QuantizeLinear", [input], [path + "_q", path + "_s", path + "_z"])
            .Node("MatMulInteger", path + "/MatMul_quant", [path + "_q", weights + "_quantized", path + "_z", weights + "_zero_point"], [path + "_sum"])
            .Node("Cast", path + "/MatMul_cast", [path + "_sum"], [path + "_float"], Attribute("to", 1))
            .Node("Mul", path + "/MatMul_quant_scales_mul", [path + "_s", weights + "_scale"], [path + "_scales"])
            .Node("Mul", path + "/MatMul_quant_output_scale_mul", [path + "_float", path + "_scales"], [path + "_output"]);

    public OnnxGraphFile Add(byte[] field)
    {
        _graph.AddRange(field);
        return this;
    }

    public static byte[] Attribute(string name, long number) => Message(Text(1, name), Number(3, number));

    public static byte[] Branch(string name, OnnxGraphFile graph) => Message(Text(1, name), Bytes(6, graph.ToGraph()));

    public static byte[] Value(OnnxType type, long[] shape, params float[] numbers) =>
        Message(Text(1, "value"), Bytes(5, Tensor("", type, shape, Bytes(9, MemoryMarshal.AsBytes<float>(numbers).ToArray()))));

    public static byte[] Tensor(string name, OnnxType type, long[] shape, params ReadOnlySpan<byte[]> data)
    {
        List<byte[]> fields = [.. shape.Select(dimension => Number(1, dimension)), Number(2, (long)type), Text(8, name)];
        fields.AddRange(data);
        return Message([.. fields]);
    }

    public static byte[] Message(params ReadOnlySpan<byte[]> fields)
    {
        MemoryStream message = new();
        foreach (byte[] field in fields)
            message.Write(field);
        return message.ToArray();
    }

    public static byte[] Text(int field, string value) => Bytes(field, Encoding.UTF8.GetBytes(value));

    public static byte[] Bytes(int field, byte[] value) => [.. Varint((ulong)field << 3 | 2), .. Varint((ulong)value.Length), .. value];

    public static byte[] Number(int field, long value) => [.. Varint((ulong)field << 3), .. Varint((ulong)value)];

    private static List<byte> Varint(ulong value)
    {
        List<byte> bytes = [];
        for (; value > 127; value >>= 7)
            bytes.Add((byte)(value & 127 | 128));
        bytes.Add((byte)value);
        return bytes;
    }
}
