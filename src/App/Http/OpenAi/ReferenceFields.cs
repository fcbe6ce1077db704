using System.Text.Json;
using LlmService.Inference;

namespace LlmService.App.Http.OpenAi;

/// <summary>The fields that go by the names of generation_config.json, beyond those of OpenAI.</summary>
internal sealed record ReferenceFields
{
    private const int MaxListed = 65_536;

    /// <summary>What an endpoint's table lists.</summary>
    public static readonly string[] Names =
    [
        "do_sample", "typical_p", "epsilon_cutoff", "eta_cutoff", "renormalize_logits", "encoder_repetition_penalty", "no_repeat_ngram_size", "encoder_no_repeat_ngram_size",
        "sequence_bias", "bad_words_ids", "suppress_tokens", "begin_suppress_tokens", "min_length", "forced_bos_token_id", "forced_eos_token_id",
        "exponential_decay_length_penalty", "num_beams", "use_beam_search", "length_penalty", "early_stopping",
    ];

    /// <summary>Whether tokens are drawn; null leaves it to the temperature and to the model.</summary>
    public bool? DoSample { get; private init; }

    /// <summary>How many beams; null leaves it to the model.</summary>
    public int? NumBeams { get; private init; }

    private float? TypicalP { get; init; }
    private float? EpsilonCutoff { get; init; }
    private float? EtaCutoff { get; init; }
    private bool? RenormalizeLogits { get; init; }
    private float? EncoderRepetitionPenalty { get; init; }
    private int? NoRepeatNGramSize { get; init; }
    private int? EncoderNoRepeatNGramSize { get; init; }
    private IReadOnlyList<TokenBias>? SequenceBias { get; init; }
    private IReadOnlyList<IReadOnlyList<int>>? BadWords { get; init; }
    private IReadOnlyList<int>? SuppressTokens { get; init; }
    private IReadOnlyList<int>? BeginSuppressTokens { get; init; }
    private int? MinLength { get; init; }
    private IReadOnlyList<int>? ForcedBosTokenIds { get; init; }
    private IReadOnlyList<int>? ForcedEosTokenIds { get; init; }
    private LengthDecay? LengthDecay { get; init; }
    private float? LengthPenalty { get; init; }
    private EarlyStopping? EarlyStopping { get; init; }

    /// <summary>Reads and checks them.</summary>
    /// <exception cref="AppException">invalid_request.</exception>
    public static ReferenceFields Read(RequestReader reader, int choices) => new()
    {
        DoSample = reader.Boolean("do_sample"),
        NumBeams = ReadBeams(reader, choices),
        TypicalP = reader.Number("typical_p", 0, 1),
        EpsilonCutoff = reader.Number("epsilon_cutoff", 0, 1),
        EtaCutoff = reader.Number("eta_cutoff", 0, 1),
        RenormalizeLogits = reader.Boolean("renormalize_logits"),
        EncoderRepetitionPenalty = reader.Number("encoder_repetition_penalty", 0),
        NoRepeatNGramSize = reader.Integer("no_repeat_ngram_size", 0),
        EncoderNoRepeatNGramSize = reader.Integer("encoder_no_repeat_ngram_size", 0),
        SequenceBias = ReadBiases(reader),
        BadWords = reader.Element("bad_words_ids") is { } words ? ReadSequences(words, "bad_words_ids") : null,
        SuppressTokens = reader.TokenIds("suppress_tokens"),
        BeginSuppressTokens = reader.TokenIds("begin_suppress_tokens"),
        MinLength = reader.Integer("min_length", 0),
        ForcedBosTokenIds = ReadForcedBos(reader),
        ForcedEosTokenIds = reader.TokenIds("forced_eos_token_id"),
        LengthDecay = ReadDecay(reader),
        LengthPenalty = reader.Number("length_penalty", -100, 100),
        EarlyStopping = ReadEarlyStopping(reader),
    };

    /// <summary>The parameters with what the request says in the place of what the model says.</summary>
    public SamplingParameters Apply(SamplingParameters defaults) => defaults with
    {
        NumBeams = NumBeams ?? defaults.NumBeams,
        TypicalP = TypicalP ?? defaults.TypicalP,
        EpsilonCutoff = EpsilonCutoff ?? defaults.EpsilonCutoff,
        EtaCutoff = EtaCutoff ?? defaults.EtaCutoff,
        RenormalizeLogits = RenormalizeLogits ?? defaults.RenormalizeLogits,
        EncoderRepetitionPenalty = EncoderRepetitionPenalty ?? defaults.EncoderRepetitionPenalty,
        NoRepeatNGramSize = NoRepeatNGramSize ?? defaults.NoRepeatNGramSize,
        EncoderNoRepeatNGramSize = EncoderNoRepeatNGramSize ?? defaults.EncoderNoRepeatNGramSize,
        SequenceBias = SequenceBias ?? defaults.SequenceBias,
        BadWords = BadWords ?? defaults.BadWords,
        SuppressTokens = SuppressTokens ?? defaults.SuppressTokens,
        BeginSuppressTokens = BeginSuppressTokens ?? defaults.BeginSuppressTokens,
        MinLength = MinLength ?? defaults.MinLength,
        ForcedBosTokenId = ForcedBosTokenIds is null ? defaults.ForcedBosTokenId : ForcedBosTokenIds is [int first] ? first : null,
        ForcedEosTokenIds = ForcedEosTokenIds ?? defaults.ForcedEosTokenIds,
        LengthDecay = LengthDecay ?? defaults.LengthDecay,
        LengthPenalty = LengthPenalty ?? defaults.LengthPenalty,
        EarlyStopping = EarlyStopping ?? defaults.EarlyStopping,
    };

    // Elsewhere beam search is a switch, and 'best_of' the number of beams.
    private static int? ReadBeams(RequestReader reader, int choices)
    {
        int? beams = reader.Integer("num_beams", 1, SamplingParameters.MaxBeams);
        return beams ?? reader.Boolean("use_beam_search") switch
        {
            null => null,
            true => reader.Integer("best_of", 1, SamplingParameters.MaxBeams) ?? choices,
            false => 1,
        };
    }

    // As with the lists, an empty one turns off what the model says.
    private static IReadOnlyList<int>? ReadForcedBos(RequestReader reader) => reader.TokenIds("forced_bos_token_id") is { Count: > 1 } ids
        ? throw RequestReader.Invalid("forced_bos_token_id", $"'forced_bos_token_id' must be one token id, or [] for none, not {ids.Count} of them.")
        : reader.TokenIds("forced_bos_token_id");

    private static EarlyStopping? ReadEarlyStopping(RequestReader reader) => reader.Element("early_stopping") switch
    {
        null => null,
        { ValueKind: JsonValueKind.False } => Inference.EarlyStopping.WhenUnlikely,
        { ValueKind: JsonValueKind.True } => Inference.EarlyStopping.AtOnce,
        { ValueKind: JsonValueKind.String } text when text.ValueEquals("never") => Inference.EarlyStopping.Never,
        _ => throw RequestReader.Invalid("early_stopping", "'early_stopping' must be true, false or \"never\"."),
    };

    private static LengthDecay? ReadDecay(RequestReader reader)
    {
        const string name = "exponential_decay_length_penalty";
        if (reader.Element(name) is not { } pair)
            return null;
        if (pair.ValueKind != JsonValueKind.Array || pair.GetArrayLength() != 2 || pair[0].ValueKind != JsonValueKind.Number || !pair[0].TryGetInt32(out int start))
            throw RequestReader.Invalid(name, $"'{name}' must be an array of a number of tokens and a factor.");
        return new(start, RequestReader.Number(pair[1], $"{name}[1]", 0));
    }

    private static List<TokenBias>? ReadBiases(RequestReader reader)
    {
        if (reader.Element("sequence_bias") is not { } list)
            return null;
        if (list.ValueKind != JsonValueKind.Array || list.GetArrayLength() > MaxListed || list.EnumerateArray().Any(pair => pair.ValueKind != JsonValueKind.Array || pair.GetArrayLength() != 2))
            throw RequestReader.Invalid("sequence_bias", "'sequence_bias' must be an array of pairs of token ids and a number, such as [[[5, 7], -2.5]].");
        return [.. list.EnumerateArray().Select((pair, i) =>
            new TokenBias(RequestReader.TokenIds(pair[0], $"sequence_bias[{i}]"), RequestReader.Number(pair[1], $"sequence_bias[{i}]", float.MinValue)))];
    }

    private static List<IReadOnlyList<int>> ReadSequences(JsonElement lists, string name) => lists.ValueKind == JsonValueKind.Array
        ? [.. lists.EnumerateArray().Select((ids, i) => RequestReader.TokenIds(ids, $"{name}[{i}]"))]
        : throw RequestReader.Invalid(name, $"'{name}' must be an array of arrays of token ids.");
}
