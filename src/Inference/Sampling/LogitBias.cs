namespace LlmService.Inference.Sampling;

/// <summary>Adds a value to the scores of some tokens.</summary>
internal sealed class LogitBias(IReadOnlyDictionary<int, float> biases) : LogitsProcessor
{
    private readonly KeyValuePair<int, float>[] _biases = [.. biases];

    /// <inheritdoc/>
    public override void Apply(TokenHistory history, Span<float> scores)
    {
        foreach ((int id, float bias) in _biases)
            scores[id] += bias;
    }
}
