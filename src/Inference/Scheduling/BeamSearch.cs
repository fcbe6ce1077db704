using System.Buffers;
using System.Collections.Immutable;
using LlmService.Inference.Sampling;

namespace LlmService.Inference.Scheduling;

/// <summary>How a beam goes on: the beam that it was, and the token that it gets.</summary>
internal readonly record struct BeamStep(int Parent, int TokenId);

/// <summary>Follows several answers at a time and keeps the likeliest, as the reference library does from its release 4.50 on. It knows ids and scores; the beams' ids and caches are with the sequence.</summary>
/// <param name="parameters">Number of beams, length penalty, when to end.</param>
/// <param name="limits">What else of the request counts.</param>
/// <param name="logProbabilities">How many alternatives to report for each token; null reports no log-probabilities.</param>
internal sealed class BeamSearch(SamplingParameters parameters, AnswerLimits limits, int? logProbabilities)
{
    private readonly LogitsProcessor[] _processors = [.. ProcessorList.Of(parameters, limits)];
    private readonly List<Beam> _finished = [];
    private List<Beam> _running = [new(0, [])];
    private int _length;

    /// <summary>How many beams there are at most.</summary>
    public int Width => parameters.NumBeams;

    /// <summary>Takes the logits of the next token of every beam.</summary>
    /// <param name="branches">The ids of the beams, in their order.</param>
    /// <param name="answerStart">Where the answer begins in them.</param>
    /// <param name="logits">[beams, vocabulary].</param>
    /// <returns>The beams that go on, best first; none when the search has ended.</returns>
    /// <exception cref="InferenceException">CorruptModel: a logit is not a number.</exception>
    public List<BeamStep> Step(IReadOnlyList<Branch> branches, int answerStart, ReadOnlySpan<float> logits)
    {
        // 1. The best continuations of all beams: enough of them that as many go on as there are beams, even if all end tokens are among them.
        int vocabulary = logits.Length / branches.Count;
        Candidate[] best = Best(branches, answerStart, logits, vocabulary);
        _length++;

        // 2. Of the best, those that end are kept; of all, those that do not end go on.
        List<BeamStep> steps = [];
        List<Beam> running = [];
        for (int i = 0; i < best.Length; i++)
        {
            Candidate candidate = best[i];
            bool ends = limits.EndTokenIds.Contains(candidate.TokenId);
            bool isCut = _length == limits.MaxTokens;
            if (ends || isCut)
            {
                if (i < Width)
                    Finish(Extend(candidate, logits.Slice(candidate.Beam * vocabulary, vocabulary)), ends);
            }
            else if (running.Count < Width)
            {
                running.Add(Extend(candidate, logits.Slice(candidate.Beam * vocabulary, vocabulary)));
                steps.Add(new BeamStep(candidate.Beam, candidate.TokenId));
            }
        }

        _running = running;
        return HasEnded() ? [] : steps;
    }

    /// <summary>The best answers. Where there are fewer than were asked for, because hardly any token was possible, the last one stands for the missing.</summary>
    public List<BeamAnswer> Answers(int count)
    {
        List<BeamAnswer> answers = [];
        for (int i = 0; i < count; i++)
        {
            Beam? beam = _finished.Count == 0 ? null : _finished[Math.Min(i, _finished.Count - 1)];
            answers.Add(beam is null
                ? new BeamAnswer([], FinishReason.Length, 0)
                : new BeamAnswer([.. beam.Tokens.Reverse()], beam.IsEnded ? FinishReason.Stop : FinishReason.Length, beam.Score));
        }

        return answers;
    }

    private Candidate[] Best(IReadOnlyList<Branch> branches, int answerStart, ReadOnlySpan<float> logits, int vocabulary)
    {
        var best = new PriorityQueue<Candidate, Candidate>();
        int count = Math.Max(2, 1 + limits.EndTokenIds.Count) * Width;
        float[] rented = ArrayPool<float>.Shared.Rent(vocabulary);
        Span<float> scores = rented.AsSpan(0, vocabulary);
        for (int beam = 0; beam < branches.Count; beam++)
        {
            Score(logits.Slice(beam * vocabulary, vocabulary), new TokenHistory(branches[beam].Ids, answerStart), scores);
            for (int id = 0; id < vocabulary; id++)
            {
                Candidate candidate = new(scores[id] + _running[beam].Score, beam, id);
                if (float.IsNegativeInfinity(candidate.Score) || (best.Count == count && candidate.CompareTo(best.Peek()) <= 0))
                    continue;
                if (best.Count == count)
                    best.Dequeue();
                best.Enqueue(candidate, candidate);
            }
        }

        ArrayPool<float>.Shared.Return(rented);
        Candidate[] sorted = [.. best.UnorderedItems.Select(item => item.Element)];
        Array.Sort(sorted, (a, b) => b.CompareTo(a));
        return sorted;
    }

    /// <summary>Processors see log-probabilities here, not logits.</summary>
    private void Score(ReadOnlySpan<float> logits, TokenHistory history, Span<float> scores)
    {
        Sampler.RequireNumber(System.Numerics.Tensors.TensorPrimitives.Max(logits));
        double logSum = LogProbabilities.LogSum(logits);
        for (int id = 0; id < logits.Length; id++)
            scores[id] = (float)(logits[id] - logSum);
        foreach (LogitsProcessor processor in _processors)
            processor.Apply(history, scores);
    }

    private Beam Extend(Candidate candidate, ReadOnlySpan<float> logits)
    {
        GeneratedToken token = logProbabilities is int alternatives ? LogProbabilities.Of(candidate.TokenId, logits, alternatives) : new GeneratedToken(candidate.TokenId, null, []);
        return new Beam(candidate.Score, _running[candidate.Beam].Tokens.Push(token));
    }

    private void Finish(Beam beam, bool isEnded)
    {
        Beam finished = beam with { Score = Normalize(beam.Score, _length), IsEnded = isEnded };
        int place = _finished.FindIndex(other => other.Score < finished.Score);
        _finished.Insert(place < 0 ? _finished.Count : place, finished);
        if (_finished.Count > Width)
            _finished.RemoveAt(Width);
    }

    private bool HasEnded()
    {
        if (_running.Count == 0 || _length == limits.MaxTokens)
            return true;
        if (_finished.Count < Width)
            return false;

        // The best that the best beam could still become: where length pays, at the full length; else as it is.
        bool awaitsFullLength = parameters.EarlyStopping == EarlyStopping.Never && parameters.LengthPenalty > 0;
        float possible = Normalize(_running[0].Score, awaitsFullLength ? limits.MaxTokens : _length);
        return parameters.EarlyStopping == EarlyStopping.AtOnce || possible <= _finished[^1].Score;
    }

    private float Normalize(float score, int length) => score / (float)Math.Pow(length, parameters.LengthPenalty);

    /// <summary>A beam, or an answer that it became.</summary>
    private sealed record Beam(float Score, ImmutableStack<GeneratedToken> Tokens, bool IsEnded = false);

    /// <summary>A beam with one more token. Of equal scores the first beam's is better, then the lower id.</summary>
    private readonly record struct Candidate(float Score, int Beam, int TokenId) : IComparable<Candidate>
    {
        public int CompareTo(Candidate other) => (Score, -Beam, -TokenId).CompareTo((other.Score, -other.Beam, -other.TokenId));
    }
}
