namespace LlmService.Inference.Sampling;

/// <summary>Leaves only these tokens for the last place of an answer.</summary>
/// <param name="ids">The tokens.</param>
/// <param name="maxTokens">How many tokens the answer has at most.</param>
internal sealed class ForcedEos(IReadOnlyList<int> ids, int maxTokens) : LogitsProcessor
{
    /// <inheritdoc/>
    public override void Apply(TokenHistory history, Span<float> scores)
    {
        if (history.Answer.Length == maxTokens - 1)
            Force(ids, scores);
    }
}
