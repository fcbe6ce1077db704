using LlmService.Inference.Configuration;

namespace LlmService.Inference.Embeddings;

/// <summary>How the states of a text become one vector. In the order in which several are put side by side.</summary>
internal enum Pooling
{
    /// <summary>The first state.</summary>
    First,

    /// <summary>The largest of each number.</summary>
    Max,

    /// <summary>The mean of all states.</summary>
    Mean,

    /// <summary>The sum of all states, divided by the root of their count.</summary>
    MeanOfRoot,

    /// <summary>The mean, where later states count more: the first once, the second twice, …</summary>
    WeightedMean,

    /// <summary>The last state.</summary>
    Last,
}

/// <summary>The <c>config.json</c> of a <c>Pooling</c> module (sentence_transformers/models/Pooling.py).</summary>
/// <param name="Modes">How states become a vector; the vectors of several lie side by side, in the order of <see cref="Pooling"/>.</param>
/// <param name="IncludesPrompt">Whether the tokens of a prompt count; the first state does in any case.</param>
internal sealed record PoolingConfiguration(IReadOnlyList<Pooling> Modes, bool IncludesPrompt = true)
{
    // What is set where a file says nothing.
    private const Pooling Usual = Pooling.Mean;

    // What the reference has in the place of numbers that do not count.
    private const float Lowest = -1e9f;

    private static readonly (string Field, string Name, Pooling Pooling)[] Known =
    [
        ("pooling_mode_cls_token", "cls", Pooling.First), ("pooling_mode_max_tokens", "max", Pooling.Max), ("pooling_mode_mean_tokens", "mean", Pooling.Mean),
        ("pooling_mode_mean_sqrt_len_tokens", "mean_sqrt_len_tokens", Pooling.MeanOfRoot), ("pooling_mode_weightedmean_tokens", "weightedmean", Pooling.WeightedMean),
        ("pooling_mode_lasttoken", "lasttoken", Pooling.Last),
    ];

    /// <summary>Reads the file.</summary>
    /// <exception cref="InferenceException">CorruptModel: no mode is set; UnsupportedModelType: one that is not built.</exception>
    public static PoolingConfiguration Read(ConfigReader config)
    {
        bool includesPrompt = config.Boolean("include_prompt") ?? true;
        if (config.Text("pooling_mode") is { } name)
        {
            (string Field, string Name, Pooling Pooling) mode = Known.FirstOrDefault(known => known.Name.Equals(name, StringComparison.OrdinalIgnoreCase));
            return mode.Field is not null ? new([mode.Pooling], includesPrompt) : throw config.Unsupported("pooling_mode", name, string.Join(", ", Known.Select(known => known.Name)));
        }
        Pooling[] modes = [.. Known.Where(known => config.Boolean(known.Field) ?? known.Pooling == Usual).Select(known => known.Pooling)];
        DecoderFields.Require(modes.Length > 0, config, "pooling_mode_mean_tokens", "no way of pooling is set; at least one was expected");
        return new(modes, includesPrompt);
    }

    /// <summary>Makes one vector of the states of a text.</summary>
    /// <param name="states">[tokens, width].</param>
    /// <param name="width">Width of a state.</param>
    /// <param name="promptTokens">How many of the first tokens are those of a prompt.</param>
    /// <returns>[modes × width].</returns>
    public float[] Apply(ReadOnlySpan<float> states, int width, int promptTokens = 0)
    {
        float[] vector = new float[Modes.Count * width];
        int skipped = IncludesPrompt ? 0 : Math.Min(promptTokens, states.Length / width);
        for (int i = 0; i < Modes.Count; i++)
            Apply(Modes[i], states, width, skipped, vector.AsSpan(i * width, width));
        return vector;
    }

    private static void Apply(Pooling pooling, ReadOnlySpan<float> states, int width, int skipped, Span<float> vector)
    {
        int tokens = states.Length / width;
        switch (pooling)
        {
            case Pooling.First:
                states[..width].CopyTo(vector);
                break;
            case Pooling.Last:
                // Nothing is left of a text that is all prompt.
                if (skipped < tokens)
                    states[^width..].CopyTo(vector);
                break;
            case Pooling.Max:
                vector.Fill(skipped > 0 ? Lowest : float.NegativeInfinity);
                for (int token = skipped; token < tokens; token++)
                    System.Numerics.Tensors.TensorPrimitives.Max(vector, states.Slice(token * width, width), vector);
                break;
            default:
                Mean(pooling, states, width, skipped, vector);
                break;
        }
    }

    private static void Mean(Pooling pooling, ReadOnlySpan<float> states, int width, int skipped, Span<float> vector)
    {
        int tokens = states.Length / width;
        double[] sums = new double[width];
        double count = 0;
        for (int token = skipped; token < tokens; token++)
        {
            double weight = pooling == Pooling.WeightedMean ? token + 1 : 1;
            count += weight;
            for (int i = 0; i < width; i++)
                sums[i] += weight * states[token * width + i];
        }
        double divisor = Math.Max(count, 1e-9);
        if (pooling == Pooling.MeanOfRoot)
            divisor = Math.Sqrt(divisor);
        for (int i = 0; i < width; i++)
            vector[i] = (float)(sums[i] / divisor);
    }
}
