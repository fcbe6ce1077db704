namespace LlmService.Inference.Sampling;

/// <summary>Masks the end tokens until the answer has so many tokens.</summary>
internal sealed class MinTokens(int count, IReadOnlyList<int> endTokenIds) : LogitsProcessor
{
    /// <inheritdoc/>
    public override void Apply(TokenHistory history, Span<float> scores)
    {
        if (history.Answer.Length >= count)
            return;

        foreach (int id in endTokenIds)
        {
            // Some checkpoints list end tokens that their output head does not have.
            if (id < scores.Length)
                scores[id] = float.NegativeInfinity;
        }
    }
}
