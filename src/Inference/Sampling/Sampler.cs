using System.Buffers;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;

namespace LlmService.Inference.Sampling;

/// <summary>Chooses the next token of one sequence.</summary>
internal sealed class Sampler
{
    // Where more than a fourth of the tokens are possible, moving them takes longer than to look at all.
    private const int MovedShare = 4;

    private readonly LogitsProcessor[] _adjustments, _warpers;
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
        _adjustments = [.. ProcessorList.Adjustments(parameters, limits)];
        _warpers = [.. ProcessorList.Warpers(parameters)];
        _seed = seed;
        _choice = choice;
    }

    /// <summary>Chooses a token.</summary>
    /// <param name="logits">The raw logits; left as they are.</param>
    /// <param name="history">What the decoder has read.</param>
    /// <exception cref="InferenceException">CorruptModel: a logit is not a number.</exception>
    public int Next(ReadOnlySpan<float> logits, TokenHistory history)
    {
        if (_isGreedy && _adjustments.Length == 0)
            return Best(logits);

        float[] rented = ArrayPool<float>.Shared.Rent(logits.Length);
        try
        {
            Span<float> scores = rented.AsSpan(0, logits.Length);
            logits.CopyTo(scores);
            foreach (LogitsProcessor processor in _adjustments)
                processor.Apply(history, scores);
            return _isGreedy ? Best(scores) : Draw(scores, history);
        }
        finally
        {
            ArrayPool<float>.Shared.Return(rented);
        }
    }

    private int Draw(Span<float> scores, TokenHistory history)
    {
        int[] rented = ArrayPool<int>.Shared.Rent(scores.Length);
        try
        {
            // Most tokens are impossible soon, and then only the others are looked at.
            Span<int> ids = [];
            foreach (LogitsProcessor warper in _warpers)
            {
                warper.Apply(history, scores);
                if (LeaveOutImpossible(scores, ids, rented) is not (> 0 and int count))
                    continue;
                scores = scores[..count];
                ids = rented.AsSpan(0, count);
            }

            int drawn = Draw(scores, Best(scores), RandomNumber.Uniform(_seed, _choice, history.Answer.Length));
            return ids.Length > 0 ? ids[drawn] : drawn;
        }
        finally
        {
            ArrayPool<int>.Shared.Return(rented);
        }
    }

    /// <summary>Moves the scores of possible tokens to the beginning, in their order, where that is worth it.</summary>
    /// <param name="scores">The scores.</param>
    /// <param name="ids">Which tokens' they are; none for all tokens in their order.</param>
    /// <param name="left">Receives the ids of the possible ones; may be the same memory.</param>
    /// <returns>How many there are; 0 where nothing was moved.</returns>
    private static int LeaveOutImpossible(Span<float> scores, ReadOnlySpan<int> ids, Span<int> left)
    {
        const int Impossible = unchecked((int)0xFF800000);
        Span<int> bits = MemoryMarshal.Cast<float, int>(scores);
        if (bits.Length - bits.Count(Impossible) > bits.Length / MovedShare)
            return 0;
        int count = 0;
        for (int at = 0, gap; (gap = bits[at..].IndexOfAnyExcept(Impossible)) >= 0; at++)
        {
            at += gap;
            scores[count] = scores[at];
            left[count++] = ids.Length > 0 ? ids[at] : at;
        }
        return count;
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
