namespace LlmService.Inference.Sampling;

/// <summary>Masks tokens at the first place of an answer, or at the second one where the first is forced.</summary>
/// <param name="ids">The tokens.</param>
/// <param name="isFirstForced">Whether the token after a single first one is forced.</param>
internal sealed class SuppressAtBegin(IReadOnlyList<int> ids, bool isFirstForced) : LogitsProcessor
{
    /// <inheritdoc/>
    public override void Apply(TokenHistory history, Span<float> scores)
    {
        if (history.Answer.Length == (isFirstForced && history.AnswerStart == 1 ? 1 : 0))
            Mask(ids, scores);
    }
}
