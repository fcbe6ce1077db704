using System.Numerics;

namespace LlmService.Inference.Sampling;

/// <summary>The ids that the decoder has read: prompt and answer, or (encoder-decoders) the start token, what the answer was begun with, and the answer.</summary>
/// <param name="ids">All of them.</param>
/// <param name="answerStart">Where the answer begins.</param>
internal readonly ref struct TokenHistory(ReadOnlySpan<int> ids, int answerStart)
{
    /// <summary>All ids that the decoder has read.</summary>
    public ReadOnlySpan<int> Ids { get; } = ids;

    /// <summary>Where the answer begins.</summary>
    public int AnswerStart { get; } = answerStart;

    /// <summary>The ids that were chosen.</summary>
    public ReadOnlySpan<int> Answer => Ids[AnswerStart..];
}

/// <summary>Changes the scores of the next token before it is chosen; a token that must not be chosen gets minus infinity.
/// Processors have no state, so a step can be repeated or undone.</summary>
internal abstract class LogitsProcessor
{
    /// <summary>Changes <paramref name="scores"/> in place: one for each id of the vocabulary, or where the scores alone decide (<see cref="ProcessorList.Warpers"/>) for some ids in their order.</summary>
    public abstract void Apply(TokenHistory history, Span<float> scores);

    /// <summary>Makes tokens impossible.</summary>
    protected static void Mask(IReadOnlyList<int> ids, Span<float> scores)
    {
        foreach (int id in ids)
        {
            // Some checkpoints list tokens that their output head does not have.
            if (id < scores.Length)
                scores[id] = float.NegativeInfinity;
        }
    }

    /// <summary>Makes the tokens impossible whose value is below a limit.</summary>
    /// <param name="limit">The limit.</param>
    /// <param name="values">A value for each token; may be the scores.</param>
    /// <param name="scores">The scores.</param>
    protected static void DropBelow(float limit, ReadOnlySpan<float> values, Span<float> scores)
    {
        Vector<float> limits = new(limit), impossible = new(float.NegativeInfinity);
        int i = 0;
        for (; i <= scores.Length - Vector<float>.Count; i += Vector<float>.Count)
            Vector.ConditionalSelect(Vector.LessThan(new Vector<float>(values[i..]), limits), impossible, new Vector<float>(scores[i..])).CopyTo(scores[i..]);
        for (; i < scores.Length; i++)
            scores[i] = values[i] < limit ? float.NegativeInfinity : scores[i];
    }

    /// <summary>Makes all tokens but these impossible.</summary>
    protected static void Force(IReadOnlyList<int> ids, Span<float> scores)
    {
        scores.Fill(float.NegativeInfinity);
        foreach (int id in ids)
        {
            if (id < scores.Length)
                scores[id] = 0;
        }
    }
}
