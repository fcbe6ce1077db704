using System.Globalization;
using System.Text.Json;
using LlmService.Inference;
using LlmService.Inference.Configuration;

namespace LlmService.App.Http.OpenAi;

/// <summary>The fields that completions and chat have in common.</summary>
internal sealed record GenerationFields
{
    public const int MaxChoices = 128;
    private const int MaxStops = 16;
    private const int MaxStopLength = 1024;

    public required string Model { get; init; }

    /// <summary>Answers to each prompt.</summary>
    public int Choices { get; private init; } = 1;

    public IReadOnlyList<string> Stop { get; private init; } = [];

    public bool Stream { get; private init; }

    /// <summary>End the stream with a chunk that has the token counts.</summary>
    public bool IncludeUsage { get; private init; }

    public bool IgnoreEndTokens { get; private init; }

    /// <summary>Add the ids of prompt and answer to each choice.</summary>
    public bool ReturnTokenIds { get; private init; }

    /// <summary>Write tokens as <c>token_id:N</c> wherever a token's text would stand.</summary>
    public bool TokensAsIds { get; private init; }

    /// <summary>The tokens that end an answer; null for those of the model.</summary>
    public IReadOnlyList<int>? EndTokenIds { get; private init; }

    private IReadOnlyList<int> MoreEndTokenIds { get; init; } = [];
    private ReferenceFields Reference { get; init; } = new();
    private float? Temperature { get; init; }
    private float? TopP { get; init; }
    private int? TopK { get; init; }
    private float? MinP { get; init; }
    private float? RepetitionPenalty { get; init; }
    private float? PresencePenalty { get; init; }
    private float? FrequencyPenalty { get; init; }
    private int? MinTokens { get; init; }
    private ulong? Seed { get; init; }
    private IReadOnlyDictionary<int, float>? LogitBias { get; init; }

    /// <summary>Reads and checks them.</summary>
    /// <exception cref="AppException">invalid_request; unsupported_parameter.</exception>
    public static GenerationFields Read(RequestReader reader)
    {
        string? model = reader.String("model");
        int choices = ReadChoices(reader);
        ReferenceFields reference = ReferenceFields.Read(reader, choices);
        CheckBestOf(reader, choices, reference.NumBeams);
        return new()
        {
            Model = model is { Length: > 0 } ? model : throw RequestReader.Invalid("model", "'model' is missing; the ids are at /v1/models."),
            Choices = choices,
            Reference = reference,
            EndTokenIds = reader.TokenIds("eos_token_id"),
            MoreEndTokenIds = reader.TokenIds("stop_token_ids") ?? [],
            Stop = ReadStop(reader),
            Stream = reader.Boolean("stream") ?? false,
            IncludeUsage = ReadIncludeUsage(reader),
            IgnoreEndTokens = reader.Boolean("ignore_eos") ?? false,
            ReturnTokenIds = reader.Boolean("return_token_ids") ?? false,
            TokensAsIds = reader.Boolean("return_tokens_as_token_ids") ?? false,
            Temperature = reader.Number("temperature", 0),
            TopP = reader.Number("top_p", 0, 1),
            TopK = ReadTopK(reader),
            MinP = reader.Number("min_p", 0, 1),
            RepetitionPenalty = ReadRepetitionPenalty(reader),
            PresencePenalty = reader.Number("presence_penalty", -2, 2),
            FrequencyPenalty = reader.Number("frequency_penalty", -2, 2),
            MinTokens = reader.Integer(["min_tokens", "min_new_tokens"], 0),
            Seed = ReadSeed(reader),
            LogitBias = ReadLogitBias(reader),
        };
    }

    /// <summary>The requests to the engine: one for each answer to each prompt, or where beam search finds all answers to a prompt, one for each prompt.</summary>
    public IEnumerable<GenerationRequest> Requests(LlmEngine engine, IEnumerable<GenerationRequest> prompts)
    {
        SamplingParameters sampling = Apply(engine.Generation);
        foreach (int id in MoreEndTokenIds.Where(id => id >= engine.Model.VocabularySize))
            throw RequestReader.Invalid("stop_token_ids", $"'stop_token_ids' names the token {id}, but the vocabulary has the ids 0 to {engine.Model.VocabularySize - 1}.");
        bool searches = sampling.NumBeams > 1;
        return
            from prompt in prompts
            from choice in Enumerable.Range(0, searches ? 1 : Choices)
            select prompt with
            {
                Sampling = sampling,
                Answers = searches ? Choices : 1,
                Choice = choice,
                Stop = Stop,
                EndTokenIds = MoreEndTokenIds.Count == 0 ? EndTokenIds : [.. EndTokenIds ?? engine.Generation.EndTokenIds, .. MoreEndTokenIds],
                IgnoreEndTokens = IgnoreEndTokens,
            };
    }

    // Whether to sample is the model's to say, then the request's; 'do_sample' has the last word.
    private SamplingParameters Apply(GenerationConfiguration generation)
    {
        SamplingParameters chosen = Apply(Reference.DoSample is true ? generation.Sampling : generation.DefaultSampling);
        if (Reference.DoSample is true && Temperature is 0)
            throw RequestReader.Invalid("do_sample", "'do_sample' is true and 'temperature' 0, which chooses the best token always.");
        return Reference.DoSample is false ? chosen with { Temperature = 0 } : chosen;
    }

    private SamplingParameters Apply(SamplingParameters defaults) => Reference.Apply(defaults) with
    {
        Temperature = Temperature ?? defaults.Temperature,
        TopP = TopP ?? defaults.TopP,
        TopK = TopK ?? defaults.TopK,
        MinP = MinP ?? defaults.MinP,
        RepetitionPenalty = RepetitionPenalty ?? defaults.RepetitionPenalty,
        PresencePenalty = PresencePenalty ?? defaults.PresencePenalty,
        FrequencyPenalty = FrequencyPenalty ?? defaults.FrequencyPenalty,
        MinTokens = MinTokens ?? defaults.MinTokens,
        Seed = Seed ?? defaults.Seed,
        LogitBias = LogitBias ?? defaults.LogitBias,
    };

    /// <summary>A limit below the least length can never be met.</summary>
    public void CheckLimit(int? maxTokens)
    {
        if (maxTokens < MinTokens)
            throw RequestReader.Invalid("min_tokens", $"'min_tokens' ({MinTokens}) is above the limit of {maxTokens} tokens.");
    }

    private static int ReadChoices(RequestReader reader)
    {
        int choices = reader.Integer(["n", "num_return_sequences"], 1) ?? 1;
        return choices <= MaxChoices ? choices : throw RequestReader.Invalid("n", $"'n' must be an integer from 1 to {MaxChoices}, not {choices}.");
    }

    // OpenAI's 'best_of' ranks finished answers; here beam search does that while it writes them.
    private static void CheckBestOf(RequestReader reader, int choices, int? beams)
    {
        if (reader.Integer("best_of", 1, MaxChoices) is { } bestOf && bestOf != choices && bestOf != beams)
            throw RequestReader.Unsupported("best_of", $"'best_of' must equal 'n' ({choices}), or the number of beams: sampled answers are not ranked here.", "Leave the field out, or send 'use_beam_search': true with it.");
    }

    private static List<string> ReadStop(RequestReader reader)
    {
        if (reader.Element("stop") is not { } element)
            return [];
        List<string> stops = element.ValueKind switch
        {
            JsonValueKind.String => [RequestReader.Text(element, "stop")],
            JsonValueKind.Array when element.GetArrayLength() <= MaxStops => [.. element.EnumerateArray().Select((e, i) => RequestReader.Text(e, $"stop[{i}]"))],
            _ => throw RequestReader.Invalid("stop", $"'stop' must be a string or an array of at most {MaxStops} strings."),
        };
        return stops.All(s => s.Length is > 0 and <= MaxStopLength)
            ? stops
            : throw RequestReader.Invalid("stop", $"A stop text must have 1 to {MaxStopLength} characters.");
    }

    private static bool ReadIncludeUsage(RequestReader reader)
    {
        if (reader.Element("stream_options") is not { } options)
            return false;
        if (options.ValueKind != JsonValueKind.Object)
            throw RequestReader.Invalid("stream_options", $"'stream_options' must be an object, not {RequestReader.Describe(options.ValueKind)}.");
        bool includeUsage = false;
        foreach (JsonProperty option in options.EnumerateObject().Where(o => o.Value.ValueKind != JsonValueKind.Null))
        {
            string path = $"stream_options.{RequestReader.Name(option)}";
            bool isBoolean = option.Value.ValueKind is JsonValueKind.True or JsonValueKind.False;
            bool value = option.Value.ValueKind == JsonValueKind.True;
            switch (RequestReader.Name(option))
            {
                case "include_usage":
                    includeUsage = isBoolean ? value : throw RequestReader.Invalid(path, $"'{path}' must be true or false.");
                    break;
                case "continuous_usage_stats" when value:
                    throw RequestReader.Unsupported(path, "Token counts come once, at the end of the stream.", "Leave the field out.");
                case "continuous_usage_stats" or "include_obfuscation":
                    break;
                default:
                    reader.Warn(path);
                    break;
            }
        }
        return includeUsage;
    }

    // Other servers write "all" as -1 or as 0.
    private static int? ReadTopK(RequestReader reader) => reader.Integer("top_k", -1) is { } k ? Math.Max(k, 0) : null;

    private static float? ReadRepetitionPenalty(RequestReader reader) => reader.Number("repetition_penalty", 0) is { } penalty
        ? penalty > 0 ? penalty : throw RequestReader.Invalid("repetition_penalty", "'repetition_penalty' must be above 0; 1 is neutral.")
        : null;

    private static ulong? ReadSeed(RequestReader reader)
    {
        if (reader.Element("seed") is not { } seed)
            return null;
        return seed.ValueKind == JsonValueKind.Number && seed.TryGetInt64(out long value)
            ? unchecked((ulong)value)
            : throw RequestReader.Invalid("seed", "'seed' must be an integer of at most 64 bits.");
    }

    private static Dictionary<int, float>? ReadLogitBias(RequestReader reader)
    {
        if (reader.Element("logit_bias") is not { } map)
            return null;
        if (map.ValueKind != JsonValueKind.Object)
            throw RequestReader.Invalid("logit_bias", $"'logit_bias' must be an object of token ids and numbers, not {RequestReader.Describe(map.ValueKind)}.");
        Dictionary<int, float> biases = [];
        foreach (JsonProperty bias in map.EnumerateObject())
        {
            if (!int.TryParse(RequestReader.Name(bias), NumberStyles.None, CultureInfo.InvariantCulture, out int id))
                throw RequestReader.Invalid("logit_bias", "The names in 'logit_bias' must be token ids, such as \"42\".");
            if (!biases.TryAdd(id, RequestReader.Number(bias.Value, $"logit_bias.{id}", -100, 100)))
                throw RequestReader.Invalid("logit_bias", $"'logit_bias' has the token {id} twice.");
        }
        return biases;
    }
}
