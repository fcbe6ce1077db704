using System.Buffers;
using System.Text;

namespace LlmService.Benchmarks.Shapes;

/// <summary>A message of the protobuf wire format, of the few kinds of fields that an ONNX file has.</summary>
internal sealed class OnnxMessage
{
    private const int VarintWire = 0, LengthWire = 2, FixedWire = 5;
    private readonly ArrayBufferWriter<byte> _bytes = new();

    public long Length => _bytes.WrittenCount;

    public OnnxMessage Number(int field, long value)
    {
        Varint((field << 3) | VarintWire);
        Varint(value);
        return this;
    }

    public OnnxMessage Single(int field, float value)
    {
        Varint((field << 3) | FixedWire);
        _bytes.Write(BitConverter.GetBytes(value));
        return this;
    }

    public OnnxMessage Text(int field, string value) => Bytes(field, Encoding.UTF8.GetBytes(value));

    public OnnxMessage Message(int field, OnnxMessage message) => Bytes(field, message._bytes.WrittenSpan);

    public OnnxMessage Bytes(int field, ReadOnlySpan<byte> bytes)
    {
        Start(field, bytes.Length);
        _bytes.Write(bytes);
        return this;
    }

    /// <summary>The start of a field whose bytes follow elsewhere.</summary>
    public OnnxMessage Start(int field, long length)
    {
        Varint((field << 3) | LengthWire);
        Varint(length);
        return this;
    }

    public void WriteTo(Stream stream) => stream.Write(_bytes.WrittenSpan);

    private void Varint(long value)
    {
        ulong rest = (ulong)value;
        for (; rest > 127; rest >>= 7)
            _bytes.Write([(byte)(rest | 128)]);
        _bytes.Write([(byte)rest]);
    }
}
