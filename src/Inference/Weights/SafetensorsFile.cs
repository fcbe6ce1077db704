using System.Buffers.Binary;
using System.Globalization;
using System.Text.Json;
using LlmService.Inference.Configuration;

namespace LlmService.Inference.Weights;

/// <summary>Reads the safetensors format: 8 bytes of header length, a JSON header, the tensors (github.com/huggingface/safetensors).</summary>
internal static class SafetensorsFile
{
    // The format's own limit.
    private const long MaxHeaderBytes = 100_000_000;
    private const int MaxTensors = 1_000_000;

    /// <summary>Lists the tensors of a file. Every offset and length is checked; types that are not numbers of ours are kept out by name.</summary>
    /// <exception cref="InferenceException">CorruptModel.</exception>
    public static IReadOnlyList<StoredTensor> Read(MappedFile file)
    {
        if (file.Length < 8)
            throw Corrupt(file, $"has {file.Length} bytes; at least the 8 bytes of the header's length were expected");
        ulong headerBytes = BinaryPrimitives.ReadUInt64LittleEndian(file.Span(0, 8));
        if (headerBytes > MaxHeaderBytes)
            throw Corrupt(file, $"announces a header of {headerBytes.ToString(CultureInfo.InvariantCulture)} bytes; at most {MaxHeaderBytes} are allowed");
        if ((long)headerBytes > file.Length - 8)
            throw Corrupt(file, $"announces a header of {headerBytes} bytes, but only {file.Length - 8} follow; it is cut off");
        try
        {
            JsonElement header = StrictJson.Parse(file.Span(8, (int)headerBytes), maxDepth: 8);
            return ReadHeader(file, header, 8 + (long)headerBytes);
        }
        catch (JsonException e)
        {
            throw new InferenceException(InferenceFailure.CorruptModel, $"'{file.Path}' has a header that is not JSON (byte {e.BytePositionInLine}).", e) { File = file.Path };
        }
    }

    private static List<StoredTensor> ReadHeader(MappedFile file, JsonElement header, long dataStart)
    {
        if (header.ValueKind != JsonValueKind.Object)
            throw Corrupt(file, "has a header that is not a JSON object");
        List<StoredTensor> tensors = [];
        HashSet<string> names = new(StringComparer.Ordinal);
        foreach (JsonProperty entry in header.EnumerateObject())
        {
            if (entry.Name == "__metadata__")
                continue;
            if (!names.Add(entry.Name))
                throw Corrupt(file, "names it twice", entry.Name);
            if (names.Count > MaxTensors)
                throw Corrupt(file, $"lists more than {MaxTensors} tensors");
            tensors.Add(ReadTensor(file, entry, dataStart));
        }
        CheckOverlaps(file, tensors);
        return tensors;
    }

    private static StoredTensor ReadTensor(MappedFile file, JsonProperty entry, long dataStart)
    {
        string name = entry.Name;
        JsonElement value = entry.Value;
        if (value.ValueKind != JsonValueKind.Object
            || !value.TryGetProperty("dtype", out JsonElement dtype) || dtype.ValueKind != JsonValueKind.String
            || !value.TryGetProperty("shape", out JsonElement shape) || shape.ValueKind != JsonValueKind.Array
            || !value.TryGetProperty("data_offsets", out JsonElement offsets) || offsets.ValueKind != JsonValueKind.Array || offsets.GetArrayLength() != 2)
        {
            throw Corrupt(file, "does not describe it by dtype, shape and data_offsets", name);
        }
        TensorType type = dtype.GetString() switch
        {
            "F64" => TensorType.F64,
            "F32" => TensorType.F32,
            "F16" => TensorType.F16,
            "BF16" => TensorType.Bf16,
            "F8_E4M3" => TensorType.F8E4M3,
            "I8" => TensorType.I8,
            "U8" => TensorType.U8,
            "I16" => TensorType.I16,
            "I32" => TensorType.I32,
            "I64" => TensorType.I64,
            "BOOL" => TensorType.Bool,
            var other => throw new InferenceException(InferenceFailure.NoUsableWeights,
                $"'{file.Path}': the tensor '{name}' is stored as {other}; F64, F32, F16, BF16 and F8_E4M3 are read.")
            {
                File = file.Path,
                Tensor = name,
                Remedy = "Choose other weights of this model (--weights), or another repository of it.",
            },
        };
        long[] dimensions = [.. shape.EnumerateArray().Select(d => Length(file, name, d))];
        long begin = Length(file, name, offsets[0]), end = Length(file, name, offsets[1]);
        long available = file.Length - dataStart;
        if (begin > end || end > available)
            throw Corrupt(file, $"places it at [{begin}, {end}) of {available} bytes of data; the file is cut off or damaged", name);
        StoredTensor tensor = new(file, name, type, dimensions, dataStart + begin, end - begin);
        if (ByteCount(file, tensor) != tensor.ByteCount)
            throw Corrupt(file, $"gives it {end - begin} bytes; the shape {tensor.ShapeText} of {dtype.GetString()} needs another number", name);
        return tensor;
    }

    private static long ByteCount(MappedFile file, StoredTensor tensor)
    {
        try
        {
            return StoredTensor.BytesOf(tensor.Type, tensor.Shape);
        }
        catch (OverflowException e)
        {
            throw new InferenceException(InferenceFailure.CorruptModel, $"'{file.Path}': the shape {tensor.ShapeText} of the tensor '{tensor.Name}' is impossibly large.", e) { File = file.Path, Tensor = tensor.Name };
        }
    }

    private static void CheckOverlaps(MappedFile file, List<StoredTensor> tensors)
    {
        long end = 0;
        foreach (StoredTensor tensor in tensors.Where(t => t.ByteCount > 0).OrderBy(t => t.Offset))
        {
            if (tensor.Offset < end)
                throw Corrupt(file, "places it over another tensor", tensor.Name);
            end = tensor.Offset + tensor.ByteCount;
        }
    }

    private static long Length(MappedFile file, string name, JsonElement value) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out long number) && number >= 0
            ? number
            : throw Corrupt(file, "has a dimension or an offset that is not a whole number from 0", name);

    private static InferenceException Corrupt(MappedFile file, string what, string? tensor = null) =>
        new(InferenceFailure.CorruptModel, tensor is null ? $"'{file.Path}' {what}." : $"'{file.Path}', tensor '{tensor}': the header {what}.") { File = file.Path, Tensor = tensor };
}
