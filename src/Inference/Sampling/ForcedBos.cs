namespace LlmService.Inference.Sampling;

/// <summary>Leaves one token as the second that the decoder reads: the first one of the answer of an encoder-decoder, such as a language code.</summary>
internal sealed class ForcedBos(int id) : LogitsProcessor
{
    private readonly int[] _ids = [id];

    /// <inheritdoc/>
    public override void Apply(TokenHistory history, Span<float> scores)
    {
        if (history.Ids.Length == 1)
            Force(_ids, scores);
    }
}
