using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using LlmService.Inference.Weights;

namespace LlmService.Inference.Tests;

/// <summary>A temporary model folder whose files are written by hand. Disposing it deletes it.</summary>
internal sealed class CheckpointFolder : IDisposable
{
    public string Folder { get; } = Directory.CreateTempSubdirectory("llm-service-test-").FullName;

    /// <summary>The weights that a load would take.</summary>
    public WeightChoice Choice => WeightFiles.Preferred(Folder);

    public string this[string name] => Path.Combine(Folder, name);

    /// <summary>A copy of a committed golden model.</summary>
    public static CheckpointFolder CopyOf(string golden)
    {
        CheckpointFolder copy = new();
        foreach (string file in Directory.EnumerateFiles(TestData.Fixture("golden", golden)))
            File.Copy(file, copy[Path.GetFileName(file)]);
        return copy;
    }

    /// <summary>Header length, header and data, as safetensors has them.</summary>
    public static byte[] Encode(string header, ReadOnlySpan<byte> data)
    {
        byte[] json = Encoding.UTF8.GetBytes(header);
        byte[] file = new byte[8 + json.Length + data.Length];
        BinaryPrimitives.WriteInt64LittleEndian(file, json.Length);
        json.CopyTo(file.AsSpan(8));
        data.CopyTo(file.AsSpan(8 + json.Length));
        return file;
    }

    /// <summary>A file of tensors, laid end to end.</summary>
    public static byte[] Encode(params (string Name, string Type, long[] Shape, byte[] Data)[] tensors)
    {
        List<string> entries = [];
        List<byte> data = [];
        foreach ((string name, string type, long[] shape, byte[] bytes) in tensors)
        {
            entries.Add($"{JsonSerializer.Serialize(name)}:{{\"dtype\":\"{type}\",\"shape\":[{string.Join(',', shape)}],\"data_offsets\":[{data.Count},{data.Count + bytes.Length}]}}");
            data.AddRange(bytes);
        }
        return Encode($"{{{string.Join(',', entries)}}}", data.ToArray());
    }

    public static byte[] Bytes(params float[] values) => MemoryMarshal.AsBytes<float>(values).ToArray();

    public string Write(string name, byte[] content)
    {
        File.WriteAllBytes(this[name], content);
        return this[name];
    }

    public string Write(string name, string content) => Write(name, Encoding.UTF8.GetBytes(content));

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}
