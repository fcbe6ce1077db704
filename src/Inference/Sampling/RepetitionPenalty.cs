using System.Buffers;

namespace LlmService.Inference.Sampling;

/// <summary>Divides the scores of tokens, or multiplies them where they are below zero; once, however often a token occurs.</summary>
/// <param name="penalty">The divisor.</param>
/// <param name="source">Which tokens; null for all that the decoder has read.</param>
internal sealed class RepetitionPenalty(float penalty, int[]? source = null) : LogitsProcessor
{
    /// <inheritdoc/>
    public override void Apply(TokenHistory history, Span<float> scores)
    {
        // Gathered before the first one is written: a token that occurs twice is still penalised once.
        ReadOnlySpan<int> ids = source ?? history.Ids;
        float[] gathered = ArrayPool<float>.Shared.Rent(ids.Length);
        for (int i = 0; i < ids.Length; i++)
            gathered[i] = scores[ids[i]];

        for (int i = 0; i < ids.Length; i++)
            scores[ids[i]] = gathered[i] < 0 ? gathered[i] * penalty : gathered[i] / penalty;
        ArrayPool<float>.Shared.Return(gathered);
    }
}
