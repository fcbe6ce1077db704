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

    /// <summary>Checks every value against its range.</summary>
    /// <exception cref="InferenceException">InvalidRequest, naming the request parameter.</exception>
    internal void Validate(int vocabularySize)
    {
        Require(float.IsFinite(Temperature) && Temperature >= 0, "temperature", "must be 0 or more");
        Require(TopK >= -1, "top_k", "must be 0 or more, or -1 for all");
        Require(TopP > 0 && TopP <= 1, "top_p", "must be above 0 and at most 1");
        Require(MinP >= 0 && MinP <= 1, "min_p", "must be between 0 and 1");
        Require(float.IsFinite(RepetitionPenalty) && RepetitionPenalty > 0, "repetition_penalty", "must be above 0");
        Require(PresencePenalty >= -2 && PresencePenalty <= 2, "presence_penalty", "must be between -2 and 2");
        Require(FrequencyPenalty >= -2 && FrequencyPenalty <= 2, "frequency_penalty", "must be between -2 and 2");
        Require(MinTokens >= 0, "min_tokens", "must be 0 or more");
        foreach ((int id, float bias) in LogitBias)
        {
            Require(id >= 0 && id < vocabularySize, "logit_bias", $"names the token {id}, but the vocabulary has the ids 0 to {vocabularySize - 1}");
            Require(bias >= -100 && bias <= 100, "logit_bias", "must have values between -100 and 100");
        }
    }

    private static void Require(bool condition, string field, string rule)
    {
        if (!condition)
            throw new InferenceException(InferenceFailure.InvalidRequest, $"'{field}' {rule}.") { Field = field };
    }
}
