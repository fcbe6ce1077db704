using System.Buffers.Binary;
using System.Globalization;

namespace LlmService.Inference.Weights.Onnx;

/// <summary>Reads one constant. Its numbers lie in the graph as bytes or as a list, or in a file beside it.</summary>
/// <param name="file">The mapped file of the graph.</param>
/// <param name="externalData">The files beside it.</param>
internal sealed class TensorReader(MappedFile file, ExternalData externalData)
{
    private const int MaxRank = 16;
    private const long MaxElements = 1L << 40;

    // Lists of numbers are for scales and zero points; weights are bytes.
    private const int MaxListed = 1 << 20;

    private readonly List<long> _shape = [];
    private readonly List<long> _listed = [];
    private readonly Dictionary<string, string> _place = new(StringComparer.Ordinal);
    private string _name = "";
    private long _type;
    private (long Offset, int Length)? _data;
    private bool _isExternal;

    /// <summary>Reads it.</summary>
    /// <param name="reader">The message.</param>
    /// <param name="name">Its name, where the message has none.</param>
    /// <exception cref="InferenceException">CorruptModel, NoUsableWeights.</exception>
    public OnnxTensor Read(ProtobufReader reader, string? name)
    {
        while (reader.Next())
            ReadField(ref reader);
        _name = name ?? _name;
        long count = 1;
        foreach (long dimension in _shape)
        {
            if (dimension < 0 || (dimension > 0 && count > MaxElements / dimension))
                throw reader.Corrupt($"gives '{_name}' the impossible shape [{string.Join(", ", _shape)}]");
            count *= dimension;
        }
        OnnxType type = (OnnxType)_type;
        int bits = OnnxTensor.Bits(type);
        (TensorBytes? bytes, long offset, long length) = bits == 0 ? default : Locate(type, bits, reader);
        OnnxTensor tensor = new(_name, type, [.. _shape], bytes, offset);
        if (bits > 0 && length != tensor.ByteCount)
            throw reader.Corrupt($"gives {tensor.Text} {length} bytes; the shape needs {tensor.ByteCount}");
        return tensor;
    }

    private void ReadField(ref ProtobufReader reader)
    {
        switch (reader.Field)
        {
            case 1: reader.ReadIntegers(_shape, MaxRank); break;
            case 2: _type = reader.ReadInteger(); break;
            case 3: throw reader.Corrupt("has a constant in segments");
            case 5: reader.ReadIntegers(_listed, MaxListed); break;
            case 8: _name = reader.ReadText(); break;
            case 4 or 9: SetData(ref reader); break;
            case 13: ReadPlace(reader.ReadMessage()); break;
            case 14: _isExternal = reader.ReadInteger() == 1; break;
            default: reader.Skip(); break;
        }
    }

    // A packed list of floats has the bytes of the floats, so both fields are read alike.
    private void SetData(ref ProtobufReader reader)
    {
        ReadOnlySpan<byte> bytes = reader.ReadBytes(out long offset);
        if (_data is not null)
            throw reader.Corrupt($"gives the numbers of '{_name}' twice");
        _data = (offset, bytes.Length);
    }

    private void ReadPlace(ProtobufReader entry)
    {
        string key = "", value = "";
        while (entry.Next())
        {
            switch (entry.Field)
            {
                case 1: key = entry.ReadText(); break;
                case 2: value = entry.ReadText(); break;
                default: entry.Skip(); break;
            }
        }
        if (_place.Count == 8 || !_place.TryAdd(key, value))
            throw entry.Corrupt($"describes the external place of '{_name}' twice");
    }

    private (TensorBytes Bytes, long Offset, long Length) Locate(OnnxType type, int bits, ProtobufReader reader)
    {
        if (_isExternal)
            return Locate(reader);
        if (_data is { } data)
            return (file, data.Offset, data.Length);
        byte[] listed = Encode(type, bits);
        return (new TensorMemory(file.Path, listed), 0, listed.Length);
    }

    private (TensorBytes Bytes, long Offset, long Length) Locate(ProtobufReader reader)
    {
        MappedFile data = externalData.Find(_place.GetValueOrDefault("location", ""), _name);
        long offset = Place("offset", reader) ?? 0;
        long length = Place("length", reader) ?? Math.Max(0, data.Length - offset);
        if (offset <= data.Length && length <= data.Length - offset)
            return (data, offset, length);
        throw new InferenceException(InferenceFailure.CorruptModel, $"'{file.Path}' places '{_name}' outside of the {data.Length} bytes of '{data.Path}'.")
        {
            File = data.Path,
            Tensor = _name,
            Remedy = "Check that both files are of one revision and complete.",
        };
    }

    private long? Place(string key, ProtobufReader reader) => !_place.TryGetValue(key, out string? text) ? null
        : long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long value) ? value
        : throw reader.Corrupt($"has a place of '{_name}' whose {key} is no number");

    /// <summary>Integers and halves are listed as numbers of 32 bits.</summary>
    private byte[] Encode(OnnxType type, int bits)
    {
        if (type == OnnxType.Float)
            return [];
        int size = Math.Max(1, bits / 8);
        byte[] bytes = new byte[_listed.Count * size];
        for (int i = 0; i < _listed.Count; i++)
        {
            if (size == 2)
                BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(2 * i), unchecked((ushort)_listed[i]));
            else
                bytes[i] = unchecked((byte)_listed[i]);
        }
        return bytes;
    }
}
