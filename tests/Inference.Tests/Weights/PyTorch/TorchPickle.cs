using System.Buffers.Binary;
using System.Text;

namespace LlmService.Inference.Tests.Weights.PyTorch;

/// <summary>Writes pickles of protocol 2, opcode by opcode.</summary>
internal sealed class TorchPickle
{
    private readonly List<byte> _bytes = [0x80, 2];

    public static byte[] Of(Action<TorchPickle> write)
    {
        TorchPickle pickle = new();
        write(pickle);
        return [.. pickle._bytes, (byte)'.'];
    }

    public TorchPickle Op(char opcode, params ReadOnlySpan<byte> argument)
    {
        _bytes.Add((byte)opcode);
        _bytes.AddRange(argument);
        return this;
    }

    public TorchPickle Text(string text)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(text);
        byte[] length = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(length, utf8.Length);
        return Op('X', [.. length, .. utf8]);
    }

    public TorchPickle Integer(long value)
    {
        byte[] bytes = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, value);
        return Op('\x8a', [8, .. bytes]);
    }

    public TorchPickle Global(string module, string name) => Op('c', Encoding.UTF8.GetBytes($"{module}\n{name}\n"));

    public TorchPickle Integers(params long[] values)
    {
        Op('(');
        foreach (long value in values)
            Integer(value);
        return Op('t');
    }

    public TorchPickle EmptyOrderedDict() => Global("collections", "OrderedDict").Op(')').Op('R');

    /// <summary>A reference to a storage.</summary>
    public TorchPickle Storage(string type, string key, long count, bool inStream = false)
    {
        Op('(').Text("storage").Global(type == "UntypedStorage" ? "torch.storage" : "torch", type).Text(key).Text("cpu").Integer(count);
        return (inStream ? Op('N') : this).Op('t').Op('Q');
    }

    /// <summary>A tensor by <c>_rebuild_tensor_v2</c>.</summary>
    public TorchPickle Tensor(string type, string key, long count, long offset, long[] shape, long[] strides, bool inStream = false) =>
        Global("torch._utils", "_rebuild_tensor_v2").Op('(').Storage(type, key, count, inStream).Integer(offset).Integers(shape).Integers(strides)
            .Op('\x89').EmptyOrderedDict().Op('t').Op('R');
}
