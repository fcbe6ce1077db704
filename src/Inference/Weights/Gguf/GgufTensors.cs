namespace LlmService.Inference.Weights.Gguf;

/// <summary>The tensors of a GGUF file, under the names and in the order of rows that published checkpoints have.</summary>
internal static class GgufTensors
{
    private static readonly Dictionary<uint, (string Name, TensorType? Type)> Types = new()
    {
        [0] = ("F32", TensorType.F32),
        [1] = ("F16", TensorType.F16),
        [2] = ("Q4_0", TensorType.Q4Block),
        [3] = ("Q4_1", TensorType.Q4MinimumBlock),
        [6] = ("Q5_0", TensorType.Q5Block),
        [7] = ("Q5_1", TensorType.Q5MinimumBlock),
        [8] = ("Q8_0", TensorType.Q8Block),
        [9] = ("Q8_1", null),
        [10] = ("Q2_K", null),
        [11] = ("Q3_K", null),
        [12] = ("Q4_K", null),
        [13] = ("Q5_K", null),
        [14] = ("Q6_K", TensorType.Q6SuperBlock),
        [15] = ("Q8_K", null),
        [16] = ("IQ2_XXS", null),
        [17] = ("IQ2_XS", null),
        [18] = ("IQ3_XXS", null),
        [19] = ("IQ1_S", null),
        [20] = ("IQ4_NL", null),
        [21] = ("IQ3_S", null),
        [22] = ("IQ2_S", null),
        [23] = ("IQ4_XS", null),
        [24] = ("I8", null),
        [25] = ("I16", null),
        [26] = ("I32", null),
        [27] = ("I64", null),
        [28] = ("F64", TensorType.F64),
        [29] = ("IQ1_M", null),
        [30] = ("BF16", TensorType.Bf16),
        [34] = ("TQ1_0", null),
        [35] = ("TQ2_0", null),
        [39] = ("MXFP4", null),
    };

    /// <summary>Lists the tensors of a file. Every offset and size is checked; types that are not read are kept out by name.</summary>
    /// <exception cref="InferenceException">CorruptModel, NoUsableWeights, UnsupportedModelType.</exception>
    public static IReadOnlyList<StoredTensor> Read(MappedFile file)
    {
        GgufHeader header = GgufHeader.Read(file);
        GgufNames names = GgufNames.Of(header);
        return [.. Places(header, file.Length).Select(tensor => names.Rename(new StoredTensor(file, tensor.Name, tensor.Type, tensor.Shape, tensor.Offset, tensor.ByteCount)))];
    }

    /// <summary>Where the tensors lie in a file of this size, under their own names.</summary>
    /// <exception cref="InferenceException">CorruptModel, NoUsableWeights.</exception>
    public static IReadOnlyList<GgufTensorPlace> Places(GgufHeader header, long fileBytes)
    {
        string path = header.Metadata.Path;
        List<GgufTensorPlace> places = [.. header.Tensors.Values.Select(info => PlaceOf(header, info, fileBytes))];
        long end = header.DataStart;
        foreach (GgufTensorPlace place in places.Where(p => p.ByteCount > 0).OrderBy(p => p.Offset))
        {
            if (place.Offset < end)
                throw Corrupt(path, place.Name, "is placed over another one");
            end = place.Offset + place.ByteCount;
        }
        return places;
    }

    /// <summary>The name of a type that is read; refuses others.</summary>
    private static TensorType TypeOf(string path, GgufTensorInfo info)
    {
        (string name, TensorType? type) = Types.GetValueOrDefault(info.Type, ($"type {info.Type}", null));
        return type ?? throw new InferenceException(InferenceFailure.NoUsableWeights,
            $"'{path}': the tensor '{info.Name}' is stored as {name}; F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1 and Q6_K are read.")
        {
            File = path,
            Tensor = info.Name,
            Remedy = "Take the Q8_0, Q4_0 or F16 file of the same model.",
        };
    }

    private static GgufTensorPlace PlaceOf(GgufHeader header, GgufTensorInfo info, long fileBytes)
    {
        string path = header.Metadata.Path;
        TensorType type = TypeOf(path, info);
        long[] shape = [.. info.Dimensions.Reverse()];
        long columns = shape.Length == 0 ? 1 : shape[^1];
        int block = TensorFormat.IsBlocked(type) ? type == TensorType.Q6SuperBlock ? SuperBlocks.Size : TensorFormat.BlockSize : 1;
        if (columns % block != 0)
            throw Corrupt(path, info.Name, $"has rows of {columns} numbers, which its blocks of {block} do not divide");
        if (info.Offset % header.Alignment != 0)
            throw Corrupt(path, info.Name, $"begins at {info.Offset}, which is no multiple of the alignment {header.Alignment}");
        try
        {
            _ = shape.Aggregate(1L, (count, dimension) => checked(count * dimension));
            long bytes = StoredTensor.BytesOf(type, shape), offset = checked(header.DataStart + info.Offset);
            return bytes <= fileBytes - offset ? new(info.Name, type, shape, offset, bytes)
                : throw Corrupt(path, info.Name, $"is placed at [{offset}, {offset} + {bytes}) of {fileBytes} bytes; the file is cut off or damaged");
        }
        catch (OverflowException e)
        {
            throw new InferenceException(InferenceFailure.CorruptModel, $"'{path}': the shape [{string.Join(", ", shape)}] of the tensor '{info.Name}' is impossibly large.", e) { File = path, Tensor = info.Name };
        }
    }

    private static InferenceException Corrupt(string path, string tensor, string what) =>
        new(InferenceFailure.CorruptModel, $"'{path}': the tensor '{tensor}' {what}.") { File = path, Tensor = tensor };
}

/// <summary>A tensor of a GGUF file: its bytes were checked to lie inside of it.</summary>
internal readonly record struct GgufTensorPlace(string Name, TensorType Type, IReadOnlyList<long> Shape, long Offset, long ByteCount);
