using System.Buffers;

namespace LlmService.Inference.Sampling;

/// <summary>Divides the scores of all tokens that the decoder has read, or multiplies them where they are below zero; once, however often a token occurs.</summary>
internal sealed class RepetitionPenalty(float penalty) : LogitsProcessor
{
    /// <inheritdoc/>
    public override void Apply(TokenHistory history, Span<float> scores)
    {
        // Gathered before the first one is written: a token that occurs twice is still penalised once.
        float[] gathered = ArrayPool<float>.Shared.Rent(history.Ids.Length);
        for (int i = 0; i < history.Ids.Length; i++)
            gathered[i] = scores[history.Ids[i]];

        for (int i = 0; i < history.Ids.Length; i++)
            scores[history.Ids[i]] = gathered[i] < 0 ? gathered[i] * penalty : gathered[i] / penalty;
        ArrayPool<float>.Shared.Return(gathered);
    }
}
