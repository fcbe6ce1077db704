namespace LlmService.Inference.Scheduling;

/// <summary>What one step gave to a sequence.</summary>
/// <param name="PromptTokens">The prompt's tokens, once, when the prompt is computed.</param>
/// <param name="Token">The token that was chosen, if one was.</param>
/// <param name="FinishReason">Why the sequence ended, if it did.</param>
internal readonly record struct SequenceOutput(IReadOnlyList<GeneratedToken>? PromptTokens, GeneratedToken? Token, FinishReason? FinishReason);
