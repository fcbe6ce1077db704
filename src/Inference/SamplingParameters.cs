namespace LlmService.Inference;

/// <summary>How an answer is chosen: token by token, or by beam search. Defaults are greedy and neutral; the names in comments are those of generation_config.json and of requests.</summary>
public sealed record SamplingParameters
{
    /// <summary>The most beams.</summary>
    public const int MaxBeams = 64;

    private const int MaxListedTokens = 65_536;

    /// <summary><c>temperature</c>: 0 is greedy; otherwise logits are divided by it.</summary>
    public float Temperature { get; init; }

    /// <summary><c>top_k</c>: keep the k best; 0 keeps all.</summary>
    public int TopK { get; init; }

    /// <summary><c>top_p</c>: keep the fewest best tokens whose probabilities reach this sum; 1 keeps all.</summary>
    public float TopP { get; init; } = 1;

    /// <summary><c>min_p</c>: keep tokens with at least this share of the best token's probability; 0 keeps all.</summary>
    public float MinP { get; init; }

    /// <summary><c>typical_p</c>: keep the tokens of the most typical surprise whose probabilities reach this sum; 1 keeps all.</summary>
    public float TypicalP { get; init; } = 1;

    /// <summary><c>epsilon_cutoff</c>: keep tokens of at least this probability; 0 keeps all.</summary>
    public float EpsilonCutoff { get; init; }

    /// <summary><c>eta_cutoff</c>: as <see cref="EpsilonCutoff"/>, but lower where many tokens are likely; 0 keeps all.</summary>
    public float EtaCutoff { get; init; }

    /// <summary><c>renormalize_logits</c>: make log-probabilities of what is left of the scores; counts for beam search.</summary>
    public bool RenormalizeLogits { get; init; }

    /// <summary><c>repetition_penalty</c>: divides (or, below zero, multiplies) the logits of tokens seen in prompt or answer; 1 is neutral.</summary>
    public float RepetitionPenalty { get; init; } = 1;

    /// <summary><c>encoder_repetition_penalty</c>: above 1 favours the tokens of the prompt; 1 is neutral.</summary>
    public float EncoderRepetitionPenalty { get; init; } = 1;

    /// <summary><c>presence_penalty</c>: subtracted once from the logits of tokens seen in the answer.</summary>
    public float PresencePenalty { get; init; }

    /// <summary><c>frequency_penalty</c>: subtracted from the logits of tokens, times how often they are in the answer.</summary>
    public float FrequencyPenalty { get; init; }

    /// <summary><c>no_repeat_ngram_size</c>: no run of so many tokens comes twice; 0 for no such limit.</summary>
    public int NoRepeatNGramSize { get; init; }

    /// <summary><c>encoder_no_repeat_ngram_size</c>: no run of so many tokens of the prompt comes in the answer; 0 for no such limit.</summary>
    public int EncoderNoRepeatNGramSize { get; init; }

    /// <summary><c>logit_bias</c>: added to the logits of these tokens.</summary>
    public IReadOnlyDictionary<int, float> LogitBias { get; init; } = new Dictionary<int, float>();

    /// <summary><c>sequence_bias</c>: added to the logits of tokens that complete a sequence.</summary>
    public IReadOnlyList<TokenBias> SequenceBias { get; init; } = [];

    /// <summary><c>bad_words_ids</c>: sequences of tokens that do not come.</summary>
    public IReadOnlyList<IReadOnlyList<int>> BadWords { get; init; } = [];

    /// <summary><c>suppress_tokens</c>: tokens that do not come.</summary>
    public IReadOnlyList<int> SuppressTokens { get; init; } = [];

    /// <summary><c>begin_suppress_tokens</c>: tokens that no answer begins with.</summary>
    public IReadOnlyList<int> BeginSuppressTokens { get; init; } = [];

    /// <summary><c>min_new_tokens</c>, also <c>min_tokens</c>: end tokens are not chosen before so many tokens.</summary>
    public int MinTokens { get; init; }

    /// <summary><c>min_length</c>: end tokens are not chosen before the decoder has read so many, the prompt of a decoder-only model among them.</summary>
    public int MinLength { get; init; }

    /// <summary><c>forced_bos_token_id</c>: the first token after a single one, such as the language that a translation model writes.</summary>
    public int? ForcedBosTokenId { get; init; }

    /// <summary><c>forced_eos_token_id</c>: the only tokens for the last place of an answer; empty forces none.</summary>
    public IReadOnlyList<int> ForcedEosTokenIds { get; init; } = [];

    /// <summary><c>exponential_decay_length_penalty</c>: makes the end likelier from a length on.</summary>
    public LengthDecay? LengthDecay { get; init; }

    /// <summary><c>num_beams</c>: how many answers beam search follows at a time; 1 is no beam search.</summary>
    public int NumBeams { get; init; } = 1;

    /// <summary><c>length_penalty</c>: beam search divides the log-probability of an answer by its length to this power; above 0 favours long ones.</summary>
    public float LengthPenalty { get; init; } = 1;

    /// <summary><c>early_stopping</c>: when beam search ends.</summary>
    public EarlyStopping EarlyStopping { get; init; }

    /// <summary><c>seed</c>: same seed, same text. Null takes a fresh one.</summary>
    public ulong? Seed { get; init; }

    /// <summary>Whether tokens are drawn; below the smallest temperature, quotients would leave the range of a float.</summary>
    internal bool IsSampling => Temperature >= Sampling.Temperature.Smallest;

    /// <summary>Checks every value against its range.</summary>
    /// <exception cref="InferenceException">InvalidRequest, naming the request parameter.</exception>
    internal void Validate(int vocabularySize)
    {
        ValidateNumbers();
        ValidateBeams();
        RequireIds("logit_bias", LogitBias.Keys, vocabularySize);
        foreach ((_, float bias) in LogitBias)
            Require(bias >= -100 && bias <= 100, "logit_bias", "must have values between -100 and 100");
        RequireSequences("sequence_bias", [.. SequenceBias.Select(bias => bias.TokenIds)], vocabularySize);
        Require(SequenceBias.All(bias => float.IsFinite(bias.Bias)), "sequence_bias", "must have numbers as values");
        RequireSequences("bad_words_ids", BadWords, vocabularySize);
        RequireIds("suppress_tokens", SuppressTokens, vocabularySize);
        RequireIds("begin_suppress_tokens", BeginSuppressTokens, vocabularySize);
        RequireIds("forced_eos_token_id", ForcedEosTokenIds, vocabularySize);
        RequireIds("forced_bos_token_id", ForcedBosTokenId is int first ? [first] : [], vocabularySize);
    }

    private void ValidateNumbers()
    {
        Require(float.IsFinite(Temperature) && Temperature >= 0, "temperature", "must be 0 or more");
        Require(TopK >= -1, "top_k", "must be 0 or more, or -1 for all");
        Require(TopP > 0 && TopP <= 1, "top_p", "must be above 0 and at most 1");
        Require(MinP >= 0 && MinP <= 1, "min_p", "must be between 0 and 1");
        Require(TypicalP > 0 && TypicalP <= 1, "typical_p", "must be above 0 and at most 1");
        Require(EpsilonCutoff >= 0 && EpsilonCutoff < 1, "epsilon_cutoff", "must be at least 0 and below 1");
        Require(EtaCutoff >= 0 && EtaCutoff < 1, "eta_cutoff", "must be at least 0 and below 1");
        Require(float.IsFinite(RepetitionPenalty) && RepetitionPenalty > 0, "repetition_penalty", "must be above 0");
        Require(float.IsFinite(EncoderRepetitionPenalty) && EncoderRepetitionPenalty > 0, "encoder_repetition_penalty", "must be above 0");
        Require(PresencePenalty >= -2 && PresencePenalty <= 2, "presence_penalty", "must be between -2 and 2");
        Require(FrequencyPenalty >= -2 && FrequencyPenalty <= 2, "frequency_penalty", "must be between -2 and 2");
        Require(NoRepeatNGramSize >= 0, "no_repeat_ngram_size", "must be 0 or more");
        Require(EncoderNoRepeatNGramSize >= 0, "encoder_no_repeat_ngram_size", "must be 0 or more");
        Require(MinTokens >= 0, "min_tokens", "must be 0 or more");
        Require(MinLength >= 0, "min_length", "must be 0 or more");
        Require(LengthDecay is null or { Start: >= 0, Factor: > 0 and < float.PositiveInfinity }, "exponential_decay_length_penalty", "must have a start of 0 or more and a factor above 0");
    }

    private void ValidateBeams()
    {
        Require(NumBeams is >= 1 and <= MaxBeams, "num_beams", $"must be between 1 and {MaxBeams}");
        Require(float.IsFinite(LengthPenalty) && Math.Abs(LengthPenalty) <= 100, "length_penalty", "must be between -100 and 100");
        if (NumBeams > 1 && IsSampling)
        {
            throw new InferenceException(InferenceFailure.InvalidRequest, $"'num_beams' is {NumBeams} and 'temperature' {Temperature}: beam search that draws its tokens is not supported.")
            {
                Field = "num_beams",
                Remedy = "Send 'num_beams': 1 to sample, or 'temperature': 0 for beam search.",
            };
        }
    }

    private static void RequireSequences(string field, IReadOnlyList<IReadOnlyList<int>> sequences, int vocabularySize)
    {
        Require(sequences.All(ids => ids.Count > 0), field, "has a sequence without tokens");
        Require(sequences.Sum(ids => (long)ids.Count) <= MaxListedTokens, field, $"has more than {MaxListedTokens} tokens");
        RequireIds(field, sequences.SelectMany(ids => ids), vocabularySize);
    }

    private static void RequireIds(string field, IEnumerable<int> ids, int vocabularySize)
    {
        foreach (int id in ids)
            Require(id >= 0 && id < vocabularySize, field, $"names the token {id}, but the vocabulary has the ids 0 to {vocabularySize - 1}");
    }

    private static void Require(bool condition, string field, string rule)
    {
        if (!condition)
            throw new InferenceException(InferenceFailure.InvalidRequest, $"'{field}' {rule}.") { Field = field };
    }
}

/// <summary>A value that is added to the logit of a token that would complete a sequence.</summary>
/// <param name="TokenIds">The sequence, its last token being the one that is meant.</param>
/// <param name="Bias">The value.</param>
public sealed record TokenBias(IReadOnlyList<int> TokenIds, float Bias);

/// <summary>Makes the end of an answer likelier with each token.</summary>
/// <param name="Start">From how many tokens on.</param>
/// <param name="Factor">By how much more for each token.</param>
public readonly record struct LengthDecay(int Start, float Factor);

/// <summary>When beam search ends before the limit.</summary>
public enum EarlyStopping
{
    /// <summary><c>false</c>: when it is unlikely that better answers come.</summary>
    WhenUnlikely,

    /// <summary><c>true</c>: as soon as there are as many answers as beams.</summary>
    AtOnce,

    /// <summary><c>"never"</c>: when no better answer can come.</summary>
    Never,
}
