using System.Text;

namespace LlmService.Inference.Tests.Weights.Gguf;

/// <summary>Writes GGUF files as their specification says; shares nothing with the reader.</summary>
internal sealed class GgufWriter
{
    public const uint F32 = 0, F16 = 1, Q4_0 = 2, Q4_1 = 3, Q5_0 = 6, Q5_1 = 7, Q8_0 = 8, Q4_K = 12, Q6_K = 14, Bf16 = 30;

    private readonly List<(string Name, byte[] Value)> _keys = [];
    private readonly List<(string Name, ulong[] Dimensions, uint Type, byte[] Data)> _tensors = [];

    public uint Version { get; init; } = 3;

    public uint Alignment { get; init; } = 32;

    public GgufWriter Add(string key, uint value) => Add(key, 4, w => w.Write(value));

    public GgufWriter Add(string key, float value) => Add(key, 6, w => w.Write(value));

    public GgufWriter Add(string key, bool value) => Add(key, 7, w => w.Write(value));

    public GgufWriter Add(string key, string value) => Add(key, 8, w => Text(w, value));

    public GgufWriter Add(string key, string[] values) => Add(key, 9, w => List(w, 8, values.Length, i => Text(w, values[i])));

    public GgufWriter Add(string key, float[] values) => Add(key, 9, w => List(w, 6, values.Length, i => w.Write(values[i])));

    public GgufWriter Add(string key, int[] values) => Add(key, 9, w => List(w, 5, values.Length, i => w.Write(values[i])));

    public GgufWriter Add(string key, byte[] values) => Add(key, 9, w => List(w, 0, values.Length, i => w.Write(values[i])));

    /// <summary>A value of any type, its bytes written by the caller.</summary>
    public GgufWriter Add(string key, uint type, Action<BinaryWriter> value)
    {
        using MemoryStream stream = new();
        using BinaryWriter writer = new(stream);
        writer.Write(type);
        value(writer);
        writer.Flush();
        _keys.Add((key, stream.ToArray()));
        return this;
    }

    /// <summary>A tensor; the dimensions as the file has them, the fastest first.</summary>
    public GgufWriter AddTensor(string name, uint type, ulong[] dimensions, byte[] data)
    {
        _tensors.Add((name, dimensions, type, data));
        return this;
    }

    public byte[] Build()
    {
        if (Alignment != 32)
            Add("general.alignment", Alignment);
        using MemoryStream stream = new();
        using BinaryWriter writer = new(stream);
        writer.Write("GGUF"u8);
        writer.Write(Version);
        writer.Write((ulong)_tensors.Count);
        writer.Write((ulong)_keys.Count);
        foreach ((string name, byte[] value) in _keys)
        {
            Text(writer, name);
            writer.Write(value);
        }
        ulong offset = 0;
        foreach ((string name, ulong[] dimensions, uint type, byte[] data) in _tensors)
        {
            Text(writer, name);
            writer.Write((uint)dimensions.Length);
            foreach (ulong dimension in dimensions)
                writer.Write(dimension);
            writer.Write(type);
            writer.Write(offset);
            offset += (ulong)Padded(data.Length);
        }
        Pad(writer);
        foreach ((_, _, _, byte[] data) in _tensors)
        {
            writer.Write(data);
            Pad(writer);
        }
        writer.Flush();
        return stream.ToArray();
    }

    public static void Text(BinaryWriter writer, string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        writer.Write((ulong)bytes.Length);
        writer.Write(bytes);
    }

    private static void List(BinaryWriter writer, uint element, int count, Action<int> write)
    {
        writer.Write(element);
        writer.Write((ulong)count);
        for (int i = 0; i < count; i++)
            write(i);
    }

    private long Padded(long length) => (length + Alignment - 1) / Alignment * Alignment;

    private void Pad(BinaryWriter writer)
    {
        writer.Flush();
        writer.Write(new byte[Padded(writer.BaseStream.Length) - writer.BaseStream.Length]);
    }
}
