namespace LlmService.Inference.Configuration;

/// <summary>Rotary position embeddings: the base, and how long contexts stretch them.</summary>
internal sealed record RotaryConfiguration
{
    private static readonly string[] LayerKinds = ["full_attention", "sliding_attention"];

    public required float Theta { get; init; }

    /// <summary>All frequencies are divided by it (linear scaling); 1 for none.</summary>
    public float LinearFactor { get; init; } = 1;

    /// <summary>Scaling by frequency bands as in Llama 3.1; null for none.</summary>
    public Llama3Scaling? Llama3 { get; init; }

    /// <summary>What each frequency is divided by, where a file stores that in place of the bands that it was computed from; null for none.</summary>
    public float[]? Factors { get; init; }

    /// <summary>Reads <c>rope_theta</c> and <c>rope_scaling</c>, in the older spelling (<c>type</c>), today's (<c>rope_type</c>) and the newest (<c>rope_parameters</c>).</summary>
    public static RotaryConfiguration Read(ConfigReader config)
    {
        ConfigReader? scaling = config.Object("rope_scaling") ?? config.Object("rope_parameters");
        RequireWholeHeads(config);
        if (scaling is not null)
            RequireWholeHeads(scaling);
        foreach (string kind in LayerKinds)
        {
            if (scaling?.Has(kind) == true)
                throw config.Unsupported("rope_parameters", kind, "one set of parameters for all layers");
        }
        RotaryConfiguration plain = new() { Theta = config.Number("rope_theta", 1e-3, 1e12) ?? scaling?.Number("rope_theta", 1e-3, 1e12) ?? 10000 };
        string type = scaling?.Text("rope_type") ?? scaling?.Text("type") ?? "default";
        return type switch
        {
            "default" => plain,
            "linear" => plain with { LinearFactor = Required(scaling!, "factor") },
            "llama3" => plain with
            {
                Llama3 = new(Required(scaling!, "factor"), Required(scaling!, "low_freq_factor"), Required(scaling!, "high_freq_factor"),
                    scaling!.RequiredInteger("original_max_position_embeddings", 1, 1 << 24)),
            },
            _ => throw config.Unsupported("rope_scaling type", type, "default, linear, llama3"),
        };
    }

    /// <summary>The frequency of each pair of a head: [headSize / 2], radians a position.</summary>
    public float[] Frequencies(int headSize)
    {
        float[] frequencies = new float[headSize / 2];
        for (int i = 0; i < frequencies.Length; i++)
        {
            double frequency = 1.0 / Math.Pow(Theta, 2.0 * i / headSize);
            frequencies[i] = (float)((Factors is not null ? frequency / Factors[i] : Llama3?.Scale(frequency) ?? frequency) / LinearFactor);
        }
        return frequencies;
    }

    private static void RequireWholeHeads(ConfigReader config)
    {
        if (config.Number("partial_rotary_factor", 0, 1) is { } part && part != 1)
            throw config.Unsupported("partial_rotary_factor", part.ToString(System.Globalization.CultureInfo.InvariantCulture), "1");
    }

    private static float Required(ConfigReader scaling, string field) =>
        scaling.Number(field, 1e-3, 1e6) ?? throw new InferenceException(InferenceFailure.CorruptModel, $"config.json: rope_scaling lacks the field '{field}'.") { Field = $"rope_scaling.{field}" };
}

/// <summary>Frequency bands of Llama 3.1: long waves are stretched, short ones kept, those between blended.</summary>
internal sealed record Llama3Scaling(float Factor, float LowFrequencyFactor, float HighFrequencyFactor, int OriginalContext)
{
    public double Scale(double frequency)
    {
        double wavelength = 2 * Math.PI / frequency;
        if (wavelength < OriginalContext / HighFrequencyFactor)
            return frequency;
        if (wavelength > OriginalContext / LowFrequencyFactor)
            return frequency / Factor;
        double smooth = (OriginalContext / wavelength - LowFrequencyFactor) / (HighFrequencyFactor - LowFrequencyFactor);
        return (1 - smooth) * frequency / Factor + smooth * frequency;
    }
}
