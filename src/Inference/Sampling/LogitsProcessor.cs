namespace LlmService.Inference.Sampling;

/// <summary>The ids that the decoder has read: prompt and answer, or (encoder-decoders) the start token and the answer.</summary>
/// <param name="ids">All of them.</param>
/// <param name="answerStart">Where the answer begins.</param>
internal readonly ref struct TokenHistory(ReadOnlySpan<int> ids, int answerStart)
{
    /// <summary>All ids that the decoder has read.</summary>
    public ReadOnlySpan<int> Ids { get; } = ids;

    /// <summary>The ids that were chosen.</summary>
    public ReadOnlySpan<int> Answer => Ids[answerStart..];
}

/// <summary>Changes the scores of the next token before it is chosen; a token that must not be chosen gets minus infinity.
/// Processors have no state, so a step can be repeated or undone.</summary>
internal abstract class LogitsProcessor
{
    /// <summary>Changes <paramref name="scores"/>, one for each id of the vocabulary, in place.</summary>
    public abstract void Apply(TokenHistory history, Span<float> scores);
}
