namespace LlmService.Inference.Weights.Gguf;

/// <summary>The types that a value of the metadata can have, by their numbers in the file.</summary>
internal enum GgufType : uint
{
    U8, I8, U16, I16, U32, I32, F32, Bool, Text, Array, U64, I64, F64,
}

/// <summary>A value as it lies in the file; an array is not decoded before someone asks for it.</summary>
/// <param name="Type">Its type.</param>
/// <param name="Element">What an array holds.</param>
/// <param name="Count">How many an array holds.</param>
/// <param name="Bytes">The bytes: of a text without its length, of an array those of its elements.</param>
internal readonly record struct GgufValue(GgufType Type, GgufType Element, int Count, ReadOnlyMemory<byte> Bytes)
{
    /// <summary>Bytes of a type of fixed size; 0 for texts and arrays.</summary>
    public static int SizeOf(GgufType type) => type switch
    {
        GgufType.U8 or GgufType.I8 or GgufType.Bool => 1,
        GgufType.U16 or GgufType.I16 => 2,
        GgufType.U32 or GgufType.I32 or GgufType.F32 => 4,
        GgufType.U64 or GgufType.I64 or GgufType.F64 => 8,
        _ => 0,
    };
}

/// <summary>A tensor as the header describes it.</summary>
/// <param name="Name">Its name in the file.</param>
/// <param name="Dimensions">Its dimensions; the first one runs fastest.</param>
/// <param name="Type">The number of its type.</param>
/// <param name="Offset">Where it begins, counted from the start of the data.</param>
internal readonly record struct GgufTensorInfo(string Name, IReadOnlyList<long> Dimensions, uint Type, long Offset);
