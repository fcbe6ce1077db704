using System.Text.Json;

namespace LlmService.Inference.Configuration;

/// <summary>The fields of generation_config.json, with the defaults of the reference library.</summary>
internal static class GenerationFields
{
    private const double Largest = 1e6;

    // What would change an answer and is not built: the values that ask for nothing.
    private static readonly (string Field, string[] Nothing)[] NotBuilt =
    [
        ("num_beam_groups", ["1"]), ("penalty_alpha", ["0", "0.0"]), ("guidance_scale", ["1", "1.0"]),
        ("dola_layers", []), ("constraints", ["[]"]), ("force_words_ids", ["[]"]), ("forced_decoder_ids", ["[]"]), ("watermarking_config", []),
        ("num_return_sequences", ["1"]), ("max_time", []), ("token_healing", ["false"]),
    ];

    /// <summary>Refuses fields that ask for a way to generate that is not built.</summary>
    /// <exception cref="InferenceException">UnsupportedModelType, naming the field.</exception>
    public static void RequireSupported(ConfigReader file)
    {
        foreach ((string field, string[] nothing) in NotBuilt)
        {
            if (file.Find(field) is { } value && !nothing.Contains(value.GetRawText().Replace(" ", "", StringComparison.Ordinal)))
                throw file.Unsupported(field, value.GetRawText(), nothing.Length == 0 ? "only files without it" : string.Join(", ", nothing));
        }
    }

    public static SamplingParameters ReadSampling(ConfigReader file) => new()
    {
        Temperature = file.Number("temperature", 0, 1000) ?? 1,
        TopK = file.Integer("top_k", 0, int.MaxValue) ?? 50,
        // 0 is written for the best token alone.
        TopP = Math.Max(file.Number("top_p", 0, 1) ?? 1, float.Epsilon),
        MinP = file.Number("min_p", 0, 1) ?? 0,
        TypicalP = Above0(file, "typical_p", 1) ?? 1,
        EpsilonCutoff = Below1(file, "epsilon_cutoff") ?? 0,
        EtaCutoff = Below1(file, "eta_cutoff") ?? 0,
        RenormalizeLogits = file.Boolean("renormalize_logits") ?? false,
        RepetitionPenalty = file.Number("repetition_penalty", 1e-6, 1000) ?? 1,
        EncoderRepetitionPenalty = file.Number("encoder_repetition_penalty", 1e-6, 1000) ?? 1,
        NoRepeatNGramSize = file.Integer("no_repeat_ngram_size", 0, int.MaxValue) ?? 0,
        EncoderNoRepeatNGramSize = file.Integer("encoder_no_repeat_ngram_size", 0, int.MaxValue) ?? 0,
        SequenceBias = ReadBiases(file),
        BadWords = file.Find("bad_words_ids") is { } words ? ReadSequences(file, "bad_words_ids", words) : [],
        SuppressTokens = file.TokenIds("suppress_tokens") ?? [],
        BeginSuppressTokens = file.TokenIds("begin_suppress_tokens") ?? [],
        MinTokens = file.Integer("min_new_tokens", 0, int.MaxValue) ?? 0,
        MinLength = file.Integer("min_length", 0, int.MaxValue) ?? 0,
        ForcedBosTokenId = file.Integer("forced_bos_token_id", 0, int.MaxValue),
        ForcedEosTokenIds = file.TokenIds("forced_eos_token_id") ?? [],
        LengthDecay = ReadDecay(file),
        NumBeams = file.Integer("num_beams", 1, SamplingParameters.MaxBeams) ?? 1,
        LengthPenalty = file.Number("length_penalty", -100, 100) ?? 1,
        EarlyStopping = ReadEarlyStopping(file),
    };

    public static IReadOnlyList<string> ReadStopTexts(ConfigReader file) =>
        file.Find("stop_strings") is { ValueKind: JsonValueKind.String } text ? [text.GetString()!] : file.Texts("stop_strings") ?? [];

    private static float? Above0(ConfigReader file, string field, double highest) => file.Number(field, 0, highest) is { } number
        ? number > 0 ? number : throw file.Wrong(field, $"a number above 0, at most {highest}", file.Find(field)!.Value)
        : null;

    private static float? Below1(ConfigReader file, string field) => file.Number(field, 0, 1) is { } number
        ? number < 1 ? number : throw file.Wrong(field, "a number of at least 0 and below 1", file.Find(field)!.Value)
        : null;

    private static EarlyStopping ReadEarlyStopping(ConfigReader file) => file.Find("early_stopping") switch
    {
        null or { ValueKind: JsonValueKind.False } => EarlyStopping.WhenUnlikely,
        { ValueKind: JsonValueKind.True } => EarlyStopping.AtOnce,
        { ValueKind: JsonValueKind.String } text when text.ValueEquals("never") => EarlyStopping.Never,
        { } value => throw file.Wrong("early_stopping", "true, false or \"never\"", value),
    };

    private static LengthDecay? ReadDecay(ConfigReader file) => file.Numbers("exponential_decay_length_penalty", 0, Largest, 2) switch
    {
        null => null,
        [var start, > 0 and var factor] => new((int)start, factor),
        _ => throw file.Wrong("exponential_decay_length_penalty", "a start and a factor", file.Find("exponential_decay_length_penalty")!.Value),
    };

    // As the reference writes it: [[[ids], bias], …].
    private static IReadOnlyList<TokenBias> ReadBiases(ConfigReader file)
    {
        if (file.Find("sequence_bias") is not { } value)
            return [];
        if (value.ValueKind != JsonValueKind.Array || value.EnumerateArray().Any(pair => pair.ValueKind != JsonValueKind.Array || pair.GetArrayLength() != 2 || pair[1].ValueKind != JsonValueKind.Number))
            throw file.Wrong("sequence_bias", "a list of pairs of token ids and a number", value);
        return [.. value.EnumerateArray().Select(pair => new TokenBias(ReadIds(file, "sequence_bias", pair[0]), pair[1].GetSingle()))];
    }

    private static IReadOnlyList<IReadOnlyList<int>> ReadSequences(ConfigReader file, string field, JsonElement lists) => lists.ValueKind == JsonValueKind.Array
        ? [.. lists.EnumerateArray().Select(list => ReadIds(file, field, list))]
        : throw file.Wrong(field, "a list of lists of token ids", lists);

    private static int[] ReadIds(ConfigReader file, string field, JsonElement list)
    {
        if (list.ValueKind != JsonValueKind.Array || list.GetArrayLength() == 0 || list.EnumerateArray().Any(id => id.ValueKind != JsonValueKind.Number || !id.TryGetInt32(out int value) || value < 0))
            throw file.Wrong(field, "a list of lists of token ids", list);
        return [.. list.EnumerateArray().Select(id => id.GetInt32())];
    }
}
