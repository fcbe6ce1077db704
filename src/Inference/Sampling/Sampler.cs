using System.Buffers;
using System.Numerics.Tensors;

namespace LlmService.Inference.Sampling;

/// <summary>Chooses the next token of one sequence.</summary>
internal sealed class Sampler
{
    private readonly LogitsProcessor[] _processors;
    private readonly bool _isGreedy;
    private readonly ulong _seed;
    private readonly int _choice;

    /// <param name="parameters">How to choose, checked already.</param>
    /// <param name="endTokenIds">The tokens that <see cref="SamplingParameters.MinTokens"/> masks; none when they end nothing.</param>
    /// <param name="seed">The seed, also where the parameters leave it open.</param>
    /// <param name="choice">Which of several answers to the same prompt.</param>
    public Sampler(SamplingParameters parameters, IReadOnlyList<int> endTokenIds, ulong seed, int choice)
    {
        _isGreedy = parameters.Temperature < Temperature.Smallest;
        _processors = [.. Processors(parameters, endTokenIds)];
        _seed = seed;
        _choice = choice;
    }

    /// <summary>Chooses a token.</summary>
    /// <param name="logits">The raw logits; left as they are.</param>
    /// <param name="history">What the decoder has read.</param>
    /// <exception cref="InferenceException">CorruptModel: a logit is not a number.</exception>
    public int Next(ReadOnlySpan<float> logits, TokenHistory history)
    {
        if (_isGreedy && _processors.Length == 0)
            return Best(logits);

        float[] rented = ArrayPool<float>.Shared.Rent(logits.Length);
        try
        {
            Span<float> scores = rented.AsSpan(0, logits.Length);
            logits.CopyTo(scores);
            foreach (LogitsProcessor processor in _processors)
                processor.Apply(history, scores);

            int best = Best(scores);
            return _isGreedy ? best : Draw(scores, best, RandomNumber.Uniform(_seed, _choice, history.Answer.Length));
        }
        finally
        {
            ArrayPool<float>.Shared.Return(rented);
        }
    }

    /// <summary>The processors that the parameters ask for, in the order of the reference library.</summary>
    internal static IEnumerable<LogitsProcessor> Processors(SamplingParameters parameters, IReadOnlyList<int> endTokenIds)
    {
        if (parameters.LogitBias.Count > 0)
            yield return new LogitBias(parameters.LogitBias);
        if (parameters.RepetitionPenalty != 1)
            yield return new RepetitionPenalty(parameters.RepetitionPenalty);
        if (parameters.PresencePenalty != 0)
            yield return new PresencePenalty(parameters.PresencePenalty);
        if (parameters.FrequencyPenalty != 0)
            yield return new FrequencyPenalty(parameters.FrequencyPenalty);
        if (parameters.MinTokens > 0 && endTokenIds.Count > 0)
            yield return new MinTokens(parameters.MinTokens, endTokenIds);

        // From here on the best token stays the best: greedy needs none of them.
        if (parameters.Temperature < Temperature.Smallest)
            yield break;
        if (parameters.Temperature != 1)
            yield return new Temperature(parameters.Temperature);
        if (parameters.TopK > 0)
            yield return new TopK(parameters.TopK);
        if (parameters.TopP < 1)
            yield return new TopP(parameters.TopP);
        if (parameters.MinP > 0)
            yield return new MinP(parameters.MinP);
    }

    /// <summary>The best token; of equals, the one with the lowest id.</summary>
    private static int Best(ReadOnlySpan<float> scores)
    {
        int best = TensorPrimitives.IndexOfMax(scores);
        if (float.IsNaN(scores[best]))
            throw new InferenceException(InferenceFailure.CorruptModel, "The model computed a value that is not a number; its weights are damaged or out of range.");
        return best;
    }

    /// <summary>The inverse of the cumulative distribution, in the order of the ids, at <paramref name="uniform"/>.</summary>
    private static int Draw(ReadOnlySpan<float> scores, int best, double uniform)
    {
        float[] rented = ArrayPool<float>.Shared.Rent(scores.Length);
        Span<float> weights = rented.AsSpan(0, scores.Length);
        double target = uniform * SoftmaxWeights.Compute(scores, weights);
        int chosen = best;
        double cumulative = 0;
        for (int id = 0; id < weights.Length; id++)
        {
            cumulative += weights[id];
            if (cumulative <= target)
                continue;
            chosen = id;
            break;
        }

        ArrayPool<float>.Shared.Return(rented);
        return chosen;
    }
}
