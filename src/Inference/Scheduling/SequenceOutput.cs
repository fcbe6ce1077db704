namespace LlmService.Inference.Scheduling;

/// <summary>What one step gave to a sequence.</summary>
/// <param name="PromptTokens">The prompt's tokens, once, when the prompt is computed.</param>
/// <param name="Token">The token that was chosen, if one was.</param>
/// <param name="FinishReason">Why the sequence ended, if it did.</param>
internal readonly record struct SequenceOutput(IReadOnlyList<GeneratedToken>? PromptTokens, GeneratedToken? Token, FinishReason? FinishReason)
{
    /// <summary>What beam search found, best first; null for a text that is written token by token.</summary>
    public IReadOnlyList<BeamAnswer>? Answers { get; init; }
}

/// <summary>One answer of beam search.</summary>
/// <param name="Tokens">All its tokens, an end token included.</param>
/// <param name="FinishReason">Why it ended.</param>
/// <param name="Score">The sum of its log-probabilities, divided by a power of its length.</param>
internal sealed record BeamAnswer(IReadOnlyList<GeneratedToken> Tokens, FinishReason FinishReason, float Score);
