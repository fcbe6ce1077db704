namespace LlmService.Inference.Configuration;

/// <summary>What <c>generation_config.json</c> says; a missing file or field leaves null.</summary>
public sealed record GenerationConfiguration
{
    /// <summary>Whether to sample; absent means greedy.</summary>
    public bool DoSample { get; init; }

    /// <summary><c>temperature</c>.</summary>
    public float? Temperature { get; init; }

    /// <summary><c>top_k</c>.</summary>
    public int? TopK { get; init; }

    /// <summary><c>top_p</c>.</summary>
    public float? TopP { get; init; }

    /// <summary><c>min_p</c>.</summary>
    public float? MinP { get; init; }

    /// <summary><c>repetition_penalty</c>.</summary>
    public float? RepetitionPenalty { get; init; }

    /// <summary>The tokens that end a text: of generation_config.json, else of config.json.</summary>
    public IReadOnlyList<int> EndTokenIds { get; init; } = [];

    /// <summary><c>max_new_tokens</c>.</summary>
    public int? MaxNewTokens { get; init; }

    /// <summary>Reads the file of a folder (and the end tokens of config.json where it has none).</summary>
    /// <exception cref="InferenceException">Damaged.</exception>
    public static GenerationConfiguration Load(string folder)
    {
        ConfigReader? generation = ConfigReader.Open(Path.Combine(folder, "generation_config.json"));
        ConfigReader? model = ConfigReader.Open(Path.Combine(folder, "config.json"));
        return new()
        {
            DoSample = generation?.Boolean("do_sample") ?? false,
            Temperature = generation?.Number("temperature", 0, 1000),
            TopK = generation?.Integer("top_k", 0, int.MaxValue),
            TopP = generation?.Number("top_p", 0, 1),
            MinP = generation?.Number("min_p", 0, 1),
            RepetitionPenalty = generation?.Number("repetition_penalty", 1e-6, 1000),
            EndTokenIds = generation?.TokenIds("eos_token_id") ?? model?.TokenIds("eos_token_id") ?? [],
            MaxNewTokens = generation?.Integer("max_new_tokens", 1, int.MaxValue),
        };
    }
}
