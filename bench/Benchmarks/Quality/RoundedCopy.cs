using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using LlmService.Inference.Weights;
using LlmService.Inference.Weights.Gguf;
using LlmService.Inference.Weights.Onnx;
using LlmService.Inference.Weights.PyTorch;

namespace LlmService.Benchmarks.Quality;

/// <summary>
/// The plain baseline: a copy of a checkpoint in floats in which every matrix is rounded to the nearest step of blocks of 32 whose scale is the greatest number in them. Only the
/// weights are rounded, not the numbers that they are multiplied with. Tables and heads have 8 bits at least; what is added and not multiplied stays as it is.
/// </summary>
internal static class RoundedCopy
{
    private const int Block = 32;

    public static void Write(string folder, string destination, int bits)
    {
        WeightChoice choice = WeightFiles.Preferred(folder);
        MappedFile[] files = [.. choice.FilesIn(folder).Select(name => MappedFile.Open(Path.Combine(folder, name)))];
        try
        {
            Write([.. Read(files, choice.Format)], Path.Combine(destination, "model.safetensors"), bits);
        }
        finally
        {
            foreach (MappedFile file in files)
                file.Dispose();
        }
    }

    private static IEnumerable<StoredTensor> Read(MappedFile[] files, WeightFormat format) => format switch
    {
        WeightFormat.Safetensors => files.SelectMany(SafetensorsFile.Read),
        WeightFormat.PyTorch => files.SelectMany(PyTorchFile.Read),
        WeightFormat.Gguf => files.SelectMany(GgufTensors.Read),
        WeightFormat.Onnx => OnnxWeights.Read(files),
        _ => throw new InvalidOperationException($"no reader of {format}"),
    };

    private static void Write(StoredTensor[] tensors, string path, int bits)
    {
        JsonObject header = [];
        long offset = 0;
        foreach (StoredTensor tensor in tensors)
        {
            long bytes = tensor.ElementCount * sizeof(float);
            header[tensor.Name] = new JsonObject
            {
                ["dtype"] = "F32",
                ["shape"] = new JsonArray([.. tensor.Shape.Select(dimension => JsonValue.Create(dimension))]),
                ["data_offsets"] = new JsonArray(offset, offset + bytes),
            };
            offset += bytes;
        }
        using FileStream file = File.Create(path);
        byte[] json = JsonSerializer.SerializeToUtf8Bytes(header);
        Span<byte> length = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(length, json.Length);
        file.Write(length);
        file.Write(json);
        foreach (StoredTensor tensor in tensors)
        {
            float[] numbers = tensor.ToArray();
            if (BitsOf(tensor, bits) is { } chosen)
                Round(numbers, tensor.Columns, chosen);
            file.Write(MemoryMarshal.AsBytes<float>(numbers));
        }
    }

    private static int? BitsOf(StoredTensor tensor, int bits)
    {
        bool Named(params string[] parts) => parts.Any(part => tensor.Name.Contains(part, StringComparison.Ordinal));
        if (tensor.Shape.Count != 2 || Named("relative_attention_bias", "position"))
            return null;
        return Named("embed", "shared", "lm_head", "wte") ? Math.Max(bits, 8) : bits;
    }

    private static void Round(float[] numbers, int columns, int bits)
    {
        int steps = (1 << (bits - 1)) - 1;
        for (int row = 0; row < numbers.Length; row += columns)
        {
            for (int first = 0; first < columns; first += Block)
            {
                Span<float> block = numbers.AsSpan(row + first, Math.Min(Block, columns - first));
                float greatest = 0;
                foreach (float number in block)
                    greatest = Math.Max(greatest, Math.Abs(number));
                float scale = greatest / steps;
                foreach (ref float number in block)
                    number = scale == 0 ? 0 : MathF.Round(number / scale) * scale;
            }
        }
    }
}
