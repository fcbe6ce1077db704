namespace LlmService.Inference;

/// <summary>How the next token is chosen. Defaults are greedy and neutral.</summary>
public sealed record SamplingParameters
{
    /// <summary>0 is greedy; otherwise logits are divided by it.</summary>
    public float Temperature { get; init; }

    /// <summary>Keep the k best; 0 keeps all.</summary>
    public int TopK { get; init; }

    /// <summary>Keep the fewest best tokens whose probabilities reach this sum; 1 keeps all.</summary>
    public float TopP { get; init; } = 1;

    /// <summary>Keep tokens with at least this share of the best token's probability; 0 keeps all.</summary>
    public float MinP { get; init; }

    /// <summary>Divides (or, below zero, multiplies) the logits of tokens seen in prompt or answer; 1 is neutral.</summary>
    public float RepetitionPenalty { get; init; } = 1;

    /// <summary>Subtracted once from the logits of tokens seen in the answer.</summary>
    public float PresencePenalty { get; init; }

    /// <summary>Subtracted from the logits of tokens, times how often they are in the answer.</summary>
    public float FrequencyPenalty { get; init; }

    /// <summary>Added to the logits of these tokens.</summary>
    public IReadOnlyDictionary<int, float> LogitBias { get; init; } = new Dictionary<int, float>();

    /// <summary>End tokens are not chosen before so many tokens.</summary>
    public int MinTokens { get; init; }

    /// <summary>Same seed, same text. Null takes a fresh one.</summary>
    public ulong? Seed { get; init; }
}
