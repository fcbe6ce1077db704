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
        ArgumentNullException.ThrowIfNull(folder);
        ConfigurationJson? generation = ConfigurationJson.TryRead(Path.Combine(folder, "generation_config.json"));
        IReadOnlyList<int>? endTokens = generation?.TokenIds("eos_token_id")
            ?? ConfigurationJson.TryRead(Path.Combine(folder, "config.json"))?.TokenIds("eos_token_id");
        return new GenerationConfiguration
        {
            DoSample = generation?.Boolean("do_sample") ?? false,
            Temperature = generation?.Single("temperature", 0),
            TopK = generation?.Int32("top_k", 0),
            TopP = generation?.Single("top_p", 0, 1),
            MinP = generation?.Single("min_p", 0, 1),
            RepetitionPenalty = generation?.Single("repetition_penalty", float.Epsilon),
            EndTokenIds = [.. (endTokens ?? []).Where(id => id >= 0).Distinct()],
            MaxNewTokens = generation?.Int32("max_new_tokens", 1),
        };
    }
}
