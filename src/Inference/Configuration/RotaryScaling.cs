namespace LlmService.Inference.Configuration;

/// <summary>How rotary frequencies are stretched for contexts longer than those of training.</summary>
internal abstract record RotaryScaling
{
    private const string Known = "default, linear, dynamic, yarn, longrope, llama3";

    /// <summary>What cosines and sines are multiplied by.</summary>
    public virtual double Magnitude => 1;

    /// <summary>The length above which the frequencies are others; null where they never change.</summary>
    public virtual int? LengthLimit => null;

    /// <summary>Whether all keys of a sequence turn anew when it grows beyond <see cref="LengthLimit"/>; else each keeps the rotation of its step.</summary>
    public virtual bool TurnsAnew => false;

    /// <summary>Changes the frequencies of a plain rotation.</summary>
    /// <param name="frequencies">One for each pair.</param>
    /// <param name="theta">The base that they were made of.</param>
    /// <param name="size">How many numbers turn.</param>
    /// <param name="length">The length of the sequence.</param>
    public abstract void Stretch(Span<double> frequencies, double theta, int size, int length);

    /// <summary>Reads the object of config.json; null for none.</summary>
    public static RotaryScaling? Read(ConfigReader config, ConfigReader scaling)
    {
        string type = scaling.Text("rope_type") ?? scaling.Text("type") ?? "default";
        int Context() => ModelConfiguration.ContextLength(config) ?? 2048;
        return type switch
        {
            "default" => null,
            "linear" => new LinearScaling(Required(scaling, "factor")),
            "dynamic" => new DynamicScaling(Required(scaling, "factor"), Context()),
            "llama3" => new Llama3Scaling(Required(scaling, "factor"), Required(scaling, "low_freq_factor"), Required(scaling, "high_freq_factor"),
                scaling.RequiredInteger("original_max_position_embeddings", 1, 1 << 24)),
            // Phi 3 first called LongRoPE by the names of others.
            "yarn" when !scaling.Has("short_factor") => YarnScaling.Read(scaling, Context()),
            "longrope" or "su" or "yarn" => LongRopeScaling.Read(config, scaling, Context()),
            _ => throw config.Unsupported("rope_scaling type", type, Known),
        };
    }

    internal static float Required(ConfigReader scaling, string field) =>
        scaling.Number(field, 1e-3, 1e6) ?? throw new InferenceException(InferenceFailure.CorruptModel, $"config.json: rope_scaling lacks the field '{field}'.") { Field = $"rope_scaling.{field}" };
}

/// <summary>All frequencies are divided by one factor (Chen et al. 2023).</summary>
internal sealed record LinearScaling(float Factor) : RotaryScaling
{
    public override void Stretch(Span<double> frequencies, double theta, int size, int length)
    {
        foreach (ref double frequency in frequencies)
            frequency /= Factor;
    }
}

/// <summary>Frequency bands of Llama 3.1: long waves are stretched, short ones kept, those between blended.</summary>
internal sealed record Llama3Scaling(float Factor, float LowFrequencyFactor, float HighFrequencyFactor, int OriginalContext) : RotaryScaling
{
    public override void Stretch(Span<double> frequencies, double theta, int size, int length)
    {
        foreach (ref double frequency in frequencies)
            frequency = Scale(frequency);
    }

    private double Scale(double frequency)
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

/// <summary>The base grows with the length of the sequence ("NTK-aware" scaling); keys keep the rotation of the step that made them.</summary>
internal sealed record DynamicScaling(float Factor, int OriginalContext) : RotaryScaling
{
    public override int? LengthLimit => OriginalContext;

    public override void Stretch(Span<double> frequencies, double theta, int size, int length)
    {
        if (length <= OriginalContext || size <= 2)
            return;
        double stretched = theta * Math.Pow((double)Factor * length / OriginalContext - (Factor - 1), (double)size / (size - 2));
        for (int i = 0; i < frequencies.Length; i++)
            frequencies[i] = 1 / Math.Pow(stretched, 2.0 * i / size);
    }
}

/// <summary>YaRN (Peng et al. 2023): high frequencies are kept, low ones divided, those between blended; cosines and sines grow a little.</summary>
internal sealed record YarnScaling : RotaryScaling
{
    public required float Factor { get; init; }

    public required int OriginalContext { get; init; }

    public required float FastBeta { get; init; }

    public required float SlowBeta { get; init; }

    /// <summary>Whether the borders of the blend are rounded to whole pairs.</summary>
    public required bool Truncates { get; init; }

    public required double AttentionFactor { get; init; }

    public override double Magnitude => AttentionFactor;

    public static YarnScaling Read(ConfigReader scaling, int context)
    {
        float factor = Required(scaling, "factor");
        float? each = scaling.Number("mscale", 0, 1000), all = scaling.Number("mscale_all_dim", 0, 1000);
        return new()
        {
            Factor = factor,
            OriginalContext = scaling.Integer("original_max_position_embeddings", 1, 1 << 24) ?? context,
            FastBeta = scaling.Number("beta_fast", 0, 1e6) ?? 32,
            SlowBeta = scaling.Number("beta_slow", 0, 1e6) ?? 1,
            Truncates = scaling.Boolean("truncate") ?? true,
            AttentionFactor = scaling.Number("attention_factor", 0, 1e6) ?? (each > 0 && all > 0 ? Growth(factor, each.Value) / Growth(factor, all.Value) : Growth(factor, 1)),
        };
    }

    /// <summary>0.1 m ln(factor) + 1: how much scores grow with the stretched context.</summary>
    public static double Growth(double factor, double m) => factor <= 1 ? 1 : 0.1 * m * Math.Log(factor) + 1;

    public override void Stretch(Span<double> frequencies, double theta, int size, int length)
    {
        double PairOf(double rotations) => size * Math.Log(OriginalContext / (rotations * 2 * Math.PI)) / (2 * Math.Log(theta));
        double low = PairOf(FastBeta), high = PairOf(SlowBeta);
        if (Truncates)
            (low, high) = (Math.Floor(low), Math.Ceiling(high));
        (low, high) = (Math.Max(low, 0), Math.Min(high, size - 1));
        if (low == high)
            high += 0.001;
        for (int i = 0; i < frequencies.Length; i++)
        {
            double ramp = Math.Clamp((i - low) / (high - low), 0, 1);
            frequencies[i] = frequencies[i] / Factor * ramp + frequencies[i] * (1 - ramp);
        }
    }
}

/// <summary>LongRoPE (Ding et al. 2024): each frequency has a factor for short sequences and one for long ones. No factors: they are tensors of the weights, and not read yet.</summary>
internal sealed record LongRopeScaling(float[] ShortFactors, float[] LongFactors, int OriginalContext, double AttentionFactor) : RotaryScaling
{
    private const int MaxFactors = 4096;

    // What the reference takes for Phi 3 where the file is silent.
    private const int Phi3Context = 4096;

    public override double Magnitude => AttentionFactor;

    public override int? LengthLimit => OriginalContext;

    public override bool TurnsAnew => true;

    public static LongRopeScaling Read(ConfigReader config, ConfigReader scaling, int context)
    {
        int? original = config.Integer("original_max_position_embeddings", 1, 1 << 24) ?? scaling.Integer("original_max_position_embeddings", 1, 1 << 24)
            ?? (config.Text("model_type") == "phi3" ? Phi3Context : null);
        double factor = original is { } trained ? (double)context / trained : scaling.Number("factor", 1e-3, 1e6) ?? 1;
        double growth = factor <= 1 ? 1 : Math.Sqrt(1 + Math.Log(factor) / Math.Log(original ?? context));
        return new(Factors(scaling, "short_factor"), Factors(scaling, "long_factor"), original ?? context, scaling.Number("attention_factor", 0, 1e6) ?? growth);
    }

    public override void Stretch(Span<double> frequencies, double theta, int size, int length)
    {
        float[] factors = length > OriginalContext ? LongFactors : ShortFactors;
        if (factors.Length == 0)
            return;
        if (factors.Length != frequencies.Length)
            throw new InferenceException(InferenceFailure.CorruptModel, $"config.json: rope_scaling has {factors.Length} factors; the heads have {frequencies.Length} pairs.") { Field = "rope_scaling" };
        for (int i = 0; i < frequencies.Length; i++)
            frequencies[i] /= factors[i];
    }

    private static float[] Factors(ConfigReader scaling, string field) => scaling.Numbers(field, 1e-6, 1e6, MaxFactors)
        ?? throw new InferenceException(InferenceFailure.CorruptModel, $"config.json: rope_scaling lacks the field '{field}'.") { Field = $"rope_scaling.{field}" };
}
