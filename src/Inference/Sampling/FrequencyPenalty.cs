namespace LlmService.Inference.Sampling;

/// <summary>Subtracts a value from the scores of tokens as often as they are in the answer.</summary>
internal sealed class FrequencyPenalty(float penalty) : LogitsProcessor
{
    /// <inheritdoc/>
    public override void Apply(TokenHistory history, Span<float> scores)
    {
        foreach (int id in history.Answer)
            scores[id] -= penalty;
    }
}
