namespace LlmService.Inference;

/// <summary>Why a text ended.</summary>
public enum FinishReason
{
    /// <summary>An end token or a stop text.</summary>
    Stop,

    /// <summary>The token limit or the context.</summary>
    Length,
}

/// <summary>A token and its probability.</summary>
/// <param name="Id">Token id.</param>
/// <param name="LogProbability">Log-softmax of the raw logits.</param>
public readonly record struct TokenProbability(int Id, float LogProbability);

/// <summary>One token of a prompt or an answer.</summary>
/// <param name="Id">Token id.</param>
/// <param name="LogProbability">Log-softmax of the raw logits; null where none was asked for, and for the first token of a prompt.</param>
/// <param name="Alternatives">The most probable tokens at this place, best first; empty where none were asked for.</param>
public sealed record GeneratedToken(int Id, float? LogProbability, IReadOnlyList<TokenProbability> Alternatives);

/// <summary>What is new since the last update. The first update has the prompt and comes when it is computed; the last one has the reason.
/// Beam search knows nothing for certain before its end: each of its answers is one update, with the prompt and the reason.</summary>
public sealed record GenerationUpdate
{
    /// <summary>Which answer: 0, or its rank where beam search gives several.</summary>
    public int Answer { get; init; }

    /// <summary>What beam search ranks answers by: the sum of the log-probabilities, divided by a power of the length; else null.</summary>
    public float? Score { get; init; }

    /// <summary>Text that is now certain; never half a character, never part of a stop text.</summary>
    public string Text { get; init; } = "";

    /// <summary>Tokens that were chosen since the last update. A final end token is among them; its text is not.</summary>
    public IReadOnlyList<GeneratedToken> Tokens { get; init; } = [];

    /// <summary>The prompt's tokens; only in the first update.</summary>
    public IReadOnlyList<GeneratedToken>? PromptTokens { get; init; }

    /// <summary>Why the text ended; only in the last update.</summary>
    public FinishReason? FinishReason { get; init; }

    /// <summary>The stop text that ended it, if one did.</summary>
    public string? StopText { get; init; }
}
