using LlmService.Inference.Configuration;

namespace LlmService.Inference.Embeddings;

/// <summary>How the states of a text become one vector.</summary>
internal enum Pooling
{
    /// <summary>The mean of all states.</summary>
    Mean,

    /// <summary>The first state.</summary>
    First,

    /// <summary>The last state.</summary>
    Last,

    /// <summary>The largest of each number.</summary>
    Max,

    /// <summary>The sum of all states, divided by the root of their count.</summary>
    MeanOfRoot,

    /// <summary>The mean, where later states count more: the first once, the second twice, …</summary>
    WeightedMean,
}

/// <summary>What the sentence-transformers files of a repository ask for: <c>modules.json</c> and the <c>config.json</c> of its pooling.</summary>
/// <param name="Pooling">How states become one vector.</param>
/// <param name="Normalizes">Whether the vector gets length 1.</param>
internal sealed record PoolingConfiguration(Pooling Pooling, bool Normalizes)
{
    public const string ModulesFile = "modules.json";

    private static readonly (string Field, Pooling Pooling)[] Modes =
    [
        ("pooling_mode_mean_tokens", Pooling.Mean), ("pooling_mode_cls_token", Pooling.First), ("pooling_mode_lasttoken", Pooling.Last), ("pooling_mode_max_tokens", Pooling.Max),
        ("pooling_mode_mean_sqrt_len_tokens", Pooling.MeanOfRoot), ("pooling_mode_weightedmean_tokens", Pooling.WeightedMean),
    ];

    /// <summary>Reads the files of a folder. Without them encoders take the mean and decoders the last state, of length 1.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="isCausal">Whether tokens see only what is before them.</param>
    /// <exception cref="InferenceException">CorruptModel; UnsupportedModelType: a module that is not built.</exception>
    public static PoolingConfiguration Load(string folder, bool isCausal)
    {
        Pooling pooling = isCausal ? Pooling.Last : Pooling.Mean;
        if (ConfigReader.OpenList(Path.Combine(folder, ModulesFile)) is not { } modules)
            return new(pooling, true);
        bool normalizes = false;
        foreach (ConfigReader module in modules)
        {
            string type = (module.Text("type") ?? "").Split('.')[^1];
            switch (type)
            {
                case "Transformer":
                    break;
                case "Pooling":
                    pooling = Read(Path.Combine(folder, Inside(module)), pooling);
                    break;
                case "Normalize":
                    normalizes = true;
                    break;
                default:
                    throw module.Unsupported("type", type, "Transformer, Pooling, Normalize");
            }
        }
        return new(pooling, normalizes);
    }

    /// <summary>Makes one vector of the states of a text.</summary>
    /// <param name="states">[tokens, width].</param>
    /// <param name="width">Width of a state.</param>
    public float[] Apply(ReadOnlySpan<float> states, int width)
    {
        int tokens = states.Length / width;
        double[] sums = new double[width];
        for (int token = 0; token < tokens; token++)
        {
            for (int i = 0; i < width; i++)
            {
                float value = states[token * width + i];
                sums[i] = Pooling switch
                {
                    Pooling.First => token == 0 ? value : sums[i],
                    Pooling.Last => value,
                    Pooling.Max => token == 0 ? value : Math.Max(sums[i], value),
                    Pooling.WeightedMean => sums[i] + (token + 1.0) * value,
                    _ => sums[i] + value,
                };
            }
        }
        double divisor = Pooling switch
        {
            Pooling.Mean => tokens,
            Pooling.MeanOfRoot => Math.Sqrt(tokens),
            Pooling.WeightedMean => tokens * (tokens + 1.0) / 2,
            _ => 1,
        };
        float[] vector = Array.ConvertAll(sums, sum => (float)(sum / divisor));
        if (Normalizes)
            Normalize(vector);
        return vector;
    }

    /// <summary>Gives a vector the length 1; a vector of zeros stays so.</summary>
    public static void Normalize(Span<float> vector)
    {
        double square = 0;
        foreach (float value in vector)
            square += (double)value * value;
        if (square == 0)
            return;
        double length = Math.Sqrt(square);
        foreach (ref float value in vector)
            value = (float)(value / length);
    }

    // The folder of a module comes from the repository: it stays inside of the model's.
    private static string Inside(ConfigReader module)
    {
        string path = module.Text("path") ?? "";
        return path.Length is > 0 and < 64 && path.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-') ? path : throw module.Unsupported("path", path, "names of letters, digits, - and _");
    }

    private static Pooling Read(string folder, Pooling usual)
    {
        ConfigReader? config = ConfigReader.Open(Path.Combine(folder, "config.json"));
        if (config is null)
            return usual;
        Pooling[] modes = [.. Modes.Where(mode => config.Boolean(mode.Field) == true).Select(mode => mode.Pooling)];
        return modes.Length switch
        {
            0 => usual,
            1 => modes[0],
            _ => throw config.Unsupported("pooling_mode", string.Join(" and ", modes), "one of them"),
        };
    }
}
