namespace LlmService.Inference.Sampling;

/// <summary>Adds values to the scores of tokens that would complete a sequence of tokens.</summary>
internal sealed class SequenceBias(IReadOnlyList<TokenBias> biases) : LogitsProcessor
{
    /// <inheritdoc/>
    public override void Apply(TokenHistory history, Span<float> scores)
    {
        foreach (TokenBias bias in biases)
        {
            // As in the reference, a sequence counts only once all of it would fit into what was read so far.
            int before = bias.TokenIds.Count - 1;
            if ((before == 0 || before < history.Ids.Length) && bias.TokenIds[before] < scores.Length && EndsWith(history.Ids, bias.TokenIds, before))
                scores[bias.TokenIds[before]] += bias.Bias;
        }
    }

    private static bool EndsWith(ReadOnlySpan<int> ids, IReadOnlyList<int> sequence, int count)
    {
        for (int i = 0; i < count; i++)
        {
            if (ids[ids.Length - count + i] != sequence[i])
                return false;
        }

        return true;
    }
}
