using System.Buffers.Binary;
using System.Text.Json;

namespace LlmService.Inference.Tests.Weights.PyTorch;

/// <summary>A tensor to write.</summary>
internal sealed record TorchTensor(string Name, string Type, long[] Shape, byte[] Data)
{
    public int NumberBytes => Type switch { "DoubleStorage" or "LongStorage" => 8, "FloatStorage" or "IntStorage" => 4, "HalfStorage" or "BFloat16Storage" or "ShortStorage" => 2, _ => 1 };

    public long Count => Data.Length / NumberBytes;

    public long[] Strides => [.. Shape.Select((_, i) => Shape.Skip(i + 1).Aggregate(1L, (a, b) => a * b))];
}

/// <summary>Writes <c>.bin</c> files in both forms.</summary>
internal static class TorchFile
{
    /// <summary>The tensors of a safetensors file.</summary>
    public static TorchTensor[] ReadSafetensors(string path)
    {
        byte[] file = File.ReadAllBytes(path);
        int header = (int)BinaryPrimitives.ReadInt64LittleEndian(file);
        using JsonDocument document = JsonDocument.Parse(file.AsMemory(8, header));
        return [.. document.RootElement.EnumerateObject().Where(entry => entry.Name != "__metadata__").Select(entry => ReadTensor(entry, file.AsSpan(8 + header)))];
    }

    /// <summary>The archive of newer versions.</summary>
    public static byte[] Zip(params TorchTensor[] tensors)
    {
        ZipWriter zip = new();
        zip.Add("model/data.pkl", Pickle(tensors, inStream: false));
        zip.Add("model/byteorder", "little"u8.ToArray());
        for (int i = 0; i < tensors.Length; i++)
            zip.Add($"model/data/{i}", tensors[i].Data);
        zip.Add("model/version", "3\n"u8.ToArray());
        return zip.Finish();
    }

    /// <summary>An archive with a list of tensors and one storage of 16 bytes named 0.</summary>
    public static byte[] Zip(Action<TorchPickle> list) => Zip(TorchPickle.Of(list), new byte[16]);

    public static byte[] Zip(byte[] list, byte[] storage)
    {
        ZipWriter zip = new();
        zip.Add("model/data.pkl", list);
        zip.Add("model/data/0", storage);
        return zip.Finish();
    }

    /// <summary>The stream of older versions.</summary>
    public static byte[] Stream(params TorchTensor[] tensors)
    {
        List<byte> file = [.. StreamStart(isLittleEndian: true), .. Pickle(tensors, inStream: true)];
        file.AddRange(TorchPickle.Of(pickle =>
        {
            pickle.Op(']').Op('(');
            for (int i = 0; i < tensors.Length; i++)
                pickle.Text($"{i}");
            pickle.Op('e');
        }));
        foreach (TorchTensor tensor in tensors)
            file.AddRange([.. BitConverter.GetBytes(tensor.Count), .. tensor.Data]);
        return [.. file];
    }

    /// <summary>The three pickles before the list of tensors.</summary>
    public static byte[] StreamStart(bool isLittleEndian) =>
    [
        0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, (byte)'.',
        .. TorchPickle.Of(pickle => pickle.Integer(1001)),
        .. TorchPickle.Of(pickle => pickle.Op('}').Op('(').Text("protocol_version").Integer(1001).Text("little_endian").Op(isLittleEndian ? '\x88' : '\x89').Op('u')),
    ];

    private static byte[] Pickle(TorchTensor[] tensors, bool inStream) => TorchPickle.Of(pickle =>
    {
        pickle.EmptyOrderedDict().Op('q', 0).Op('(');
        for (int i = 0; i < tensors.Length; i++)
        {
            pickle.Text(tensors[i].Name);
            pickle.Tensor(tensors[i].Type, $"{i}", tensors[i].Count, 0, tensors[i].Shape, tensors[i].Strides, inStream);
        }
        pickle.Op('u').Op('}').Text("_metadata").EmptyOrderedDict().Op('s').Op('b');
    });

    private static TorchTensor ReadTensor(JsonProperty entry, ReadOnlySpan<byte> data)
    {
        int[] place = [.. entry.Value.GetProperty("data_offsets").EnumerateArray().Select(v => v.GetInt32())];
        string type = entry.Value.GetProperty("dtype").GetString() switch { "F32" => "FloatStorage", "F16" => "HalfStorage", "BF16" => "BFloat16Storage", var other => throw new InvalidDataException(other) };
        return new(entry.Name, type, [.. entry.Value.GetProperty("shape").EnumerateArray().Select(v => v.GetInt64())], data[place[0]..place[1]].ToArray());
    }
}
