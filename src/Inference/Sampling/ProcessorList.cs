namespace LlmService.Inference.Sampling;

/// <summary>What processors know of a request beside its parameters.</summary>
internal sealed record AnswerLimits
{
    /// <summary>The prompt; for encoder-decoders what the encoder reads.</summary>
    public int[] PromptIds { get; init; } = [];

    /// <summary>The tokens that end an answer; none where they are like any other.</summary>
    public IReadOnlyList<int> EndTokenIds { get; init; } = [];

    /// <summary>How many tokens an answer has at most.</summary>
    public int MaxTokens { get; init; } = int.MaxValue;
}

/// <summary>Which processors the parameters ask for, in the order of the reference library.</summary>
internal static class ProcessorList
{
    /// <summary>All processors; greedy choices and beam search need none of those that sampling adds.</summary>
    public static IEnumerable<LogitsProcessor> Of(SamplingParameters parameters, AnswerLimits limits) => [.. Adjustments(parameters, limits), .. Warpers(parameters)];

    /// <summary>Those that know tokens by their ids. They come first.</summary>
    public static IEnumerable<LogitsProcessor> Adjustments(SamplingParameters parameters, AnswerLimits limits) => [.. Preferences(parameters, limits), .. Lengths(parameters, limits)];

    private static IEnumerable<LogitsProcessor> Preferences(SamplingParameters parameters, AnswerLimits limits)
    {
        if (parameters.LogitBias.Count + parameters.SequenceBias.Count > 0)
            yield return new SequenceBias([.. parameters.LogitBias.Select(bias => new TokenBias([bias.Key], bias.Value)), .. parameters.SequenceBias]);
        if (parameters.EncoderRepetitionPenalty != 1)
            yield return new RepetitionPenalty(1 / parameters.EncoderRepetitionPenalty, limits.PromptIds);
        if (parameters.RepetitionPenalty != 1)
            yield return new RepetitionPenalty(parameters.RepetitionPenalty);
        if (parameters.PresencePenalty != 0)
            yield return new PresencePenalty(parameters.PresencePenalty);
        if (parameters.FrequencyPenalty != 0)
            yield return new FrequencyPenalty(parameters.FrequencyPenalty);
        if (parameters.NoRepeatNGramSize > 0)
            yield return new NoRepeatNGram(parameters.NoRepeatNGramSize);
        if (parameters.EncoderNoRepeatNGramSize > 0)
            yield return new NoRepeatNGram(parameters.EncoderNoRepeatNGramSize, limits.PromptIds);
        // An end token alone is no bad word.
        if (parameters.BadWords.Where(word => word.Count > 1 || !limits.EndTokenIds.Contains(word[0])).ToArray() is { Length: > 0 } words)
            yield return new SequenceBias([.. words.Select(word => new TokenBias(word, float.NegativeInfinity))]);
    }

    private static IEnumerable<LogitsProcessor> Lengths(SamplingParameters parameters, AnswerLimits limits)
    {
        if (parameters.MinLength > 0 && limits.EndTokenIds.Count > 0)
            yield return new MinLength(parameters.MinLength, limits.EndTokenIds);
        if (parameters.MinTokens > 0 && limits.EndTokenIds.Count > 0)
            yield return new MinTokens(parameters.MinTokens, limits.EndTokenIds);
        if (parameters.ForcedBosTokenId is int first)
            yield return new ForcedBos(first);
        if (parameters.ForcedEosTokenIds.Count > 0)
            yield return new ForcedEos(parameters.ForcedEosTokenIds, limits.MaxTokens);
        if (parameters.LengthDecay is { } decay && limits.EndTokenIds.Count > 0)
            yield return new ExponentialLengthPenalty(decay, limits.EndTokenIds);
        if (parameters.SuppressTokens.Count > 0)
            yield return new SuppressTokens(parameters.SuppressTokens);
        if (parameters.BeginSuppressTokens.Count > 0)
            yield return new SuppressAtBegin(parameters.BeginSuppressTokens, parameters.ForcedBosTokenId.HasValue);
    }

    /// <summary>Those that know tokens by their scores and by their order only: an impossible token may be left out.</summary>
    public static IEnumerable<LogitsProcessor> Warpers(SamplingParameters parameters)
    {
        if (parameters.IsSampling)
        {
            if (parameters.Temperature != 1)
                yield return new Temperature(parameters.Temperature);
            if (parameters.TopK > 0)
                yield return new TopK(parameters.TopK);
            if (parameters.TopP < 1)
                yield return new TopP(parameters.TopP);
            if (parameters.MinP > 0)
                yield return new MinP(parameters.MinP);
            if (parameters.TypicalP < 1)
                yield return new TypicalP(parameters.TypicalP);
            if (parameters.EpsilonCutoff > 0)
                yield return new ProbabilityCutoff(parameters.EpsilonCutoff, followsEntropy: false);
            if (parameters.EtaCutoff > 0)
                yield return new ProbabilityCutoff(parameters.EtaCutoff, followsEntropy: true);
        }

        // Where one token is chosen of one list of scores, this changes nothing; beams compare scores of several lists.
        if (parameters.RenormalizeLogits)
            yield return new Renormalize();
    }
}
