using System.Buffers;

namespace LlmService.Inference.Sampling;

/// <summary>Subtracts a value once from the scores of tokens that are in the answer.</summary>
internal sealed class PresencePenalty(float penalty) : LogitsProcessor
{
    /// <inheritdoc/>
    public override void Apply(TokenHistory history, Span<float> scores)
    {
        ReadOnlySpan<int> answer = history.Answer;
        float[] gathered = ArrayPool<float>.Shared.Rent(answer.Length);
        for (int i = 0; i < answer.Length; i++)
            gathered[i] = scores[answer[i]];

        for (int i = 0; i < answer.Length; i++)
            scores[answer[i]] = gathered[i] - penalty;
        ArrayPool<float>.Shared.Return(gathered);
    }
}
