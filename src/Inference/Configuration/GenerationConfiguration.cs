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
    public static GenerationConfiguration Load(string folder) => throw new NotSupportedException();
}
