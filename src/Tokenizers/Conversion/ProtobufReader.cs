using System.Buffers.Binary;

namespace LlmService.Tokenizers.Conversion;

/// <summary>Reads a message of protocol buffers field by field; every length is checked before it is believed.</summary>
internal ref struct ProtobufReader(ReadOnlySpan<byte> message, string file)
{
    private readonly ReadOnlySpan<byte> _message = message;
    private int _position;
    private int _wireType;

    /// <summary>The number of the current field.</summary>
    public int Field { get; private set; }

    /// <summary>Moves on to the next field; false at the end.</summary>
    public bool Next()
    {
        if (_position == _message.Length) return false;
        ulong tag = ReadVarint();
        Field = tag >> 3 is > 0 and <= int.MaxValue ? (int)(tag >> 3) : throw Corrupt("has a field without a number");
        _wireType = (int)(tag & 7);
        return true;
    }

    /// <summary>The bytes of a text, a blob or an inner message.</summary>
    public ReadOnlySpan<byte> ReadBytes()
    {
        if (_wireType != 2) throw Corrupt($"has another type of field {Field} than a SentencePiece model");
        ulong length = ReadVarint();
        return Take(length);
    }

    public string ReadText()
    {
        ReadOnlySpan<byte> bytes = ReadBytes();
        return System.Text.Unicode.Utf8.IsValid(bytes) ? System.Text.Encoding.UTF8.GetString(bytes) : throw Corrupt($"has a text in field {Field} that is not UTF-8");
    }

    public float ReadFloat()
    {
        if (_wireType != 5) throw Corrupt($"has another type of field {Field} than a SentencePiece model");
        return BinaryPrimitives.ReadSingleLittleEndian(Take(4));
    }

    public int ReadInteger()
    {
        if (_wireType != 0) throw Corrupt($"has another type of field {Field} than a SentencePiece model");
        return (int)ReadVarint();
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

    public readonly TokenizerException Corrupt(string what) =>
        new(TokenizerFailure.Corrupt, $"{file} is no SentencePiece model: it {what}, before byte {_position}.") { File = file };

    private ReadOnlySpan<byte> Take(ulong count)
    {
        if (count > (ulong)(_message.Length - _position)) throw Corrupt("ends in the middle of a field");
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
            if (b < 0x80) return value;
        }

        throw Corrupt("has a number of more than ten bytes");
    }
}
