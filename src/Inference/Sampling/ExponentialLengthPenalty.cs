namespace LlmService.Inference.Sampling;

/// <summary>Raises the scores of the end tokens more and more, once the answer has a length.</summary>
internal sealed class ExponentialLengthPenalty(LengthDecay decay, IReadOnlyList<int> endTokenIds) : LogitsProcessor
{
    /// <inheritdoc/>
    public override void Apply(TokenHistory history, Span<float> scores)
    {
        int beyond = history.Answer.Length - decay.Start;
        if (beyond <= 0)
            return;

        float factor = (float)(Math.Pow(decay.Factor, beyond) - 1);
        foreach (int id in endTokenIds)
        {
            // A masked token stays masked: its size times a factor would not be a number.
            if (id < scores.Length && float.IsFinite(scores[id]))
                scores[id] += MathF.Abs(scores[id]) * factor;
        }
    }
}
