namespace LlmService.Inference.Weights;

/// <summary>The format that the matrices of a model are held and multiplied in.</summary>
public enum ComputeFormat
{
    /// <summary>As they are stored, in floats: exact, the reference for all others.</summary>
    F32,

    /// <summary>In bfloat16, multiplied in floats.</summary>
    Bf16,

    /// <summary>8 bits a weight and a scale for 32 of them, multiplied in whole numbers.</summary>
    Q8,

    /// <summary>4 bits a weight and a scale for 32 of them, multiplied in whole numbers; the head in twice 4 bits.</summary>
    Q4,
}

/// <summary>Names of the formats, and which one a model gets where nobody chose.</summary>
public static class ComputeFormats
{
    // Below this many weights 4 bits cost more in quality than they save.
    private const long SmallModel = 400_000_000;

    /// <summary>The name, as the command line spells it.</summary>
    public static string NameOf(ComputeFormat format) => format switch
    {
        ComputeFormat.F32 => "f32",
        ComputeFormat.Bf16 => "bf16",
        ComputeFormat.Q8 => "q8",
        ComputeFormat.Q4 => "q4",
        _ => throw new InvalidOperationException($"unknown format {format}"),
    };

    /// <summary>The format of a name; null when there is none.</summary>
    public static ComputeFormat? Find(string name) => Enum.GetValues<ComputeFormat>().Where(format => NameOf(format) == name).Select(format => (ComputeFormat?)format).FirstOrDefault();

    /// <summary>The format for a model: 8 bits for encoders and encoder-decoders, small models and what is stored in 8 bits, 4 bits for others.</summary>
    public static ComputeFormat DefaultFor(long parameterCount, bool hasEncoder, WeightChoice weights) =>
        hasEncoder || parameterCount < SmallModel || weights.HasEightBits ? ComputeFormat.Q8 : ComputeFormat.Q4;
}
