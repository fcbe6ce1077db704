namespace LlmService.Inference.Configuration;

/// <summary>Rotary position embeddings (Su et al. 2021): the base, which part of a head turns, and how long contexts stretch the frequencies.</summary>
internal sealed record RotaryConfiguration
{
    private static readonly string[] LayerKinds = ["full_attention", "sliding_attention"];

    public required float Theta { get; init; }

    /// <summary>How many numbers of a head turn, from its beginning; null for all. Of an odd count the last one turns with the number behind it.</summary>
    public int? Dimensions { get; init; }

    /// <summary>Pairs are neighbours (GPT-J, Cohere), not halves of the head (Llama).</summary>
    public bool IsInterleaved { get; init; }

    /// <summary>How the frequencies are stretched; null for not at all.</summary>
    public RotaryScaling? Scaling { get; init; }

    /// <summary>What each frequency is divided by, where a file stores that in place of the bands that it was computed from; null for none.</summary>
    public float[]? Factors { get; init; }

    /// <summary>Reads <c>rope_theta</c> and <c>rope_scaling</c>, in the older spelling (<c>type</c>), today's (<c>rope_type</c>) and the newest (<c>rope_parameters</c>).</summary>
    /// <param name="config">config.json.</param>
    /// <param name="headSize">Width of a head.</param>
    /// <param name="kind">The kind of layer, where the newest spelling tells them apart.</param>
    /// <param name="defaultTheta">The base where nothing is said.</param>
    /// <param name="defaultPart">The part of a head that turns where nothing is said; null where the architecture turns whole heads and knows no such field.</param>
    public static RotaryConfiguration Read(ConfigReader config, int headSize, string? kind = null, float defaultTheta = 10000, float? defaultPart = null)
    {
        ConfigReader? scaling = config.Object("rope_scaling") ?? config.Object("rope_parameters");
        if (scaling is not null && LayerKinds.FirstOrDefault(scaling.Has) is { } named)
            scaling = kind is not null ? scaling.Object(kind) : throw config.Unsupported("rope_parameters", named, "one set of parameters for all layers");
        double part = PartOf(config, defaultPart) ?? (scaling is null ? null : PartOf(scaling, defaultPart)) ?? defaultPart ?? 1;
        int size = (int)(headSize * part);
        DecoderFields.Require((size + 1) / 2 * 2 <= headSize, config, "head_dim", $"gives the heads {headSize} numbers; rotary positions need an even count");
        return new()
        {
            Theta = config.Number("rope_theta", 1e-3, 1e12) ?? scaling?.Number("rope_theta", 1e-3, 1e12) ?? defaultTheta,
            Dimensions = size == headSize ? null : size,
            Scaling = scaling is null ? null : RotaryScaling.Read(config, scaling),
        };
    }

    /// <summary>What cosines and sines are multiplied by.</summary>
    public float Magnitude => (float)(Scaling?.Magnitude ?? 1);

    /// <summary>The length from which on sequences turn otherwise than before, where the rotation depends on the length of the sequence; null where it does not.</summary>
    public int? LengthLimit => Scaling?.LengthLimit;

    /// <summary>The frequency of each pair of a head, radians a position.</summary>
    /// <param name="headSize">Width of a head.</param>
    /// <param name="length">How long the sequence is; only counts where there is a <see cref="LengthLimit"/>.</param>
    public float[] Frequencies(int headSize, int length = 0)
    {
        int size = Dimensions ?? headSize;
        double[] frequencies = new double[(size + 1) / 2];
        for (int i = 0; i < frequencies.Length; i++)
            frequencies[i] = 1.0 / Math.Pow(Theta, 2.0 * i / size) / (Factors?[i] ?? 1);
        Scaling?.Stretch(frequencies, Theta, size, length);
        return Array.ConvertAll(frequencies, frequency => (float)frequency);
    }

    private static double? PartOf(ConfigReader config, float? known) => config.Exact("partial_rotary_factor", 0, 1) switch
    {
        { } part when known is null && part != 1 => throw config.Unsupported("partial_rotary_factor", part.ToString(System.Globalization.CultureInfo.InvariantCulture), "1"),
        var part => part,
    };
}
