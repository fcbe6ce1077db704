using System.Buffers.Binary;
using System.Text;
using System.Text.Unicode;

namespace LlmService.Inference.Weights.Onnx;

/// <summary>Reads a message of protocol buffers field by field; every length is checked before it is believed.</summary>
/// <param name="message">The bytes of the message.</param>
/// <param name="start">Where it begins in the file.</param>
/// <param name="file">The file, for messages.</param>
internal ref struct ProtobufReader(ReadOnlySpan<byte> message, long start, string file)
{
    // Names of nodes are paths of modules; a few hundred bytes.
    private const int MaxTextBytes = 4096;

    private readonly ReadOnlySpan<byte> _message = message;
    private int _position;
    private int _wireType;

    /// <summary>The number of the current field.</summary>
    public int Field { get; private set; }

    /// <summary>Moves on to the next field; false at the end.</summary>
    public bool Next()
    {
        if (_position == _message.Length)
            return false;
        ulong tag = ReadVarint();
        Field = tag >> 3 is > 0 and <= int.MaxValue ? (int)(tag >> 3) : throw Corrupt("has a field without a number");
        _wireType = (int)(tag & 7);
        return true;
    }

    /// <summary>The bytes of a text, a blob or an inner message, and where they begin in the file.</summary>
    public ReadOnlySpan<byte> ReadBytes(out long offset)
    {
        Require(2);
        ulong length = ReadVarint();
        offset = start + _position;
        return Take(length);
    }

    /// <summary>A reader of an inner message.</summary>
    public ProtobufReader ReadMessage()
    {
        ReadOnlySpan<byte> bytes = ReadBytes(out long offset);
        return new(bytes, offset, file);
    }

    public string ReadText()
    {
        ReadOnlySpan<byte> bytes = ReadBytes(out _);
        if (bytes.Length > MaxTextBytes)
            throw Corrupt($"has a name of {bytes.Length} bytes; at most {MaxTextBytes} are allowed");
        return Utf8.IsValid(bytes) ? Encoding.UTF8.GetString(bytes) : throw Corrupt($"has a text in field {Field} that is not UTF-8");
    }

    public float ReadFloat()
    {
        Require(5);
        return BinaryPrimitives.ReadSingleLittleEndian(Take(4));
    }

    public long ReadInteger()
    {
        Require(0);
        return (long)ReadVarint();
    }

    /// <summary>Adds the numbers of a repeated field, packed into one blob or one by one.</summary>
    public void ReadIntegers(List<long> numbers, int most)
    {
        if (_wireType == 2)
        {
            ProtobufReader packed = ReadMessage();
            while (packed._position < packed._message.Length)
                Add(numbers, (long)packed.ReadVarint(), most);
        }
        else
            Add(numbers, ReadInteger(), most);
    }

    /// <summary>Passes over a field that nobody asks for.</summary>
    public void Skip()
    {
        switch (_wireType)
        {
            case 0: ReadVarint(); break;
            case 1: Take(8); break;
            case 2: Take(ReadVarint()); break;
            case 5: Take(4); break;
            default: throw Corrupt($"has a field of the type {_wireType}, which is none");
        }
    }

    public readonly InferenceException Corrupt(string what) =>
        new(InferenceFailure.CorruptModel, $"'{file}' is no ONNX graph: it {what}, before byte {start + _position}.")
        {
            File = file,
            Remedy = "Download the file again.",
        };

    private readonly void Add(List<long> numbers, long number, int most)
    {
        if (numbers.Count == most)
            throw Corrupt($"lists more than {most} numbers in field {Field}");
        numbers.Add(number);
    }

    private readonly void Require(int wireType)
    {
        if (_wireType != wireType)
            throw Corrupt($"has another type of field {Field} than an ONNX graph");
    }

    private ReadOnlySpan<byte> Take(ulong count)
    {
        if (count > (ulong)(_message.Length - _position))
            throw Corrupt("ends in the middle of a field");
        ReadOnlySpan<byte> bytes = _message.Slice(_position, (int)count);
        _position += (int)count;
        return bytes;
    }

    private ulong ReadVarint()
    {
        ulong value = 0;
        for (int shift = 0; shift < 64; shift += 7)
        {
            byte b = Take(1)[0];
            value |= (ulong)(b & 0x7F) << shift;
            if (b < 0x80)
                return value;
        }
        throw Corrupt("has a number of more than ten bytes");
    }
}
