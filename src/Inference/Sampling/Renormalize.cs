namespace LlmService.Inference.Sampling;

/// <summary>Makes log-probabilities of the scores.</summary>
internal sealed class Renormalize : LogitsProcessor
{
    /// <inheritdoc/>
    public override void Apply(TokenHistory history, Span<float> scores)
    {
        double logSum = LogProbabilities.LogSum(scores);
        foreach (ref float score in scores)
            score = (float)(score - logSum);
    }
}
