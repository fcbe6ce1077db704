using System.Numerics.Tensors;

namespace LlmService.Inference.Sampling;

/// <summary>Divides all scores.</summary>
internal sealed class Temperature(float temperature) : LogitsProcessor
{
    /// <summary>Below this, sampling is greedy: the quotients would leave the range of a float.</summary>
    public const float Smallest = 1e-5f;

    /// <inheritdoc/>
    public override void Apply(TokenHistory history, Span<float> scores) => TensorPrimitives.Divide(scores, temperature, scores);
}
