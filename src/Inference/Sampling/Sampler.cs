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
    /// <param name="limits">What else of the request counts.</param>
    /// <param name="seed">The seed, also where the parameters leave it open.</param>
    /// <param name="choice">Which of several answers to the same prompt.</param>
    public Sampler(SamplingParameters parameters, AnswerLimits limits, ulong seed, int choice)
    {
        _isGreedy = !parameters.IsSampling;
        _processors = [.. ProcessorList.Of(parameters, limits)];
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

    /// <summary>The best token; of equals, the one with the lowest id.</summary>
    private static int Best(ReadOnlySpan<float> scores)
    {
        int best = TensorPrimitives.IndexOfMax(scores);
        RequireNumber(scores[best]);
        return best;
    }

    /// <summary>Refuses what damaged weights compute.</summary>
    /// <exception cref="InferenceException">CorruptModel.</exception>
    public static void RequireNumber(float score)
    {
        if (float.IsNaN(score))
            throw new InferenceException(InferenceFailure.CorruptModel, "The model computed a value that is not a number; its weights are damaged or out of range.");
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
