using System.Collections.Frozen;
using System.Text.Json;

namespace LlmService.App.Http.OpenAi;

/// <summary>What an endpoint does with each field that its clients are known to send.</summary>
internal sealed class FieldTable
{
    private static readonly Func<JsonElement, bool> Never = _ => false;
    private static readonly Func<JsonElement, bool> False = e => e.ValueKind == JsonValueKind.False;
    private static readonly Func<JsonElement, bool> True = e => e.ValueKind == JsonValueKind.True;
    private static readonly Func<JsonElement, bool> Empty = e => e.ValueKind switch
    {
        JsonValueKind.Array => e.GetArrayLength() == 0,
        JsonValueKind.Object => !e.EnumerateObject().Any(),
        JsonValueKind.String => e.ValueEquals(""),
        _ => false,
    };

    // What the sampling part of completions and chat reads.
    private static readonly string[] Sampling =
    [
        "model", "n", "stop", "stream", "stream_options", "max_tokens", "logprobs", "temperature", "top_p", "seed", "presence_penalty",
        "frequency_penalty", "logit_bias", "top_k", "min_p", "repetition_penalty", "min_tokens", "ignore_eos", "return_token_ids",
        "return_tokens_as_token_ids", "max_new_tokens", "min_new_tokens", "num_return_sequences", "eos_token_id", "stop_token_ids", .. ReferenceFields.Names,
    ];

    // These change nothing in the text by their nature.
    private static readonly string[] Harmless =
        ["user", "metadata", "safety_identifier", "prompt_cache_key", "prompt_cache_retention", "parallel_tool_calls", "request_id"];

    // Known from OpenAI and from other servers, and not done here: the value that asks for nothing is accepted, any other is refused.
    private static readonly Dictionary<string, Func<JsonElement, bool>> RefusedByAll = new()
    {
        ["tools"] = Empty,
        ["tool_choice"] = OneOf("none", "auto"),
        ["functions"] = Empty,
        ["function_call"] = OneOf("none", "auto"),
        ["response_format"] = IsTextFormat,
        ["store"] = False,
        ["service_tier"] = OneOf("auto", "default"),
        ["modalities"] = e => e.ValueKind == JsonValueKind.Array && e.EnumerateArray().All(OneOf("text")),
        ["audio"] = Never,
        ["prediction"] = Never,
        ["web_search_options"] = Never,
        ["reasoning_effort"] = Never,
        ["verbosity"] = OneOf("medium"),
        ["mirostat"] = IsZero,
        ["bad_words"] = Empty,
        ["include_stop_str_in_output"] = False,
        ["skip_special_tokens"] = True,
        ["spaces_between_special_tokens"] = True,
        ["add_special_tokens"] = True,
        ["truncate_prompt_tokens"] = Never,
        ["decoder_input_ids"] = Never,
        ["num_beam_groups"] = IsOne,
        ["diversity_penalty"] = IsZero,
        ["penalty_alpha"] = IsZero,
        ["dola_layers"] = Never,
        ["guidance_scale"] = IsOne,
        ["constraints"] = Empty,
        ["force_words_ids"] = Empty,
        ["prompt_logprobs"] = Never,
        ["allowed_token_ids"] = Never,
        ["logits_processors"] = Empty,
        ["priority"] = IsZero,
        ["grammar"] = Empty,
        ["json_schema"] = Never,
        ["structured_outputs"] = Never,
        ["chat_template"] = Never,
    };

    // What a chat template takes beside the messages; elsewhere there is none.
    private static readonly string[] Template = ["documents", "chat_template_kwargs", "add_generation_prompt", "continue_final_message"];

    private static readonly (string, Func<JsonElement, bool>)[] WithoutTemplate =
        [("documents", Empty), ("chat_template_kwargs", Empty), ("add_generation_prompt", True), ("continue_final_message", False)];

    private static readonly string[] Truncation = ["truncate", "truncate_prompt_tokens"];

    // Texts are cut at their end only.
    private static readonly (string, Func<JsonElement, bool>)[] OtherEnd = [("truncation_direction", OneOf("right", "Right")), ("truncation_side", OneOf("right"))];

    private readonly FrozenSet<string> _accepted;
    private readonly FrozenDictionary<string, Func<JsonElement, bool>> _refused;

    private FieldTable(IEnumerable<string> honoured, params IEnumerable<(string Name, Func<JsonElement, bool> AsksNothing)> refused)
    {
        _accepted = honoured.Concat(Harmless).ToFrozenSet();
        _refused = RefusedByAll.Where(r => !_accepted.Contains(r.Key)).Concat(refused.Select(r => KeyValuePair.Create(r.Name, r.AsksNothing))).ToFrozenDictionary();
    }

    public static FieldTable Completions { get; } = new([.. Sampling, "prompt", "echo", "best_of", "decoder_input_ids"], [("suffix", Empty), .. WithoutTemplate]);

    public static FieldTable Chat { get; } =
        new([.. Sampling, .. Template, "messages", "max_completion_tokens", "top_logprobs", "best_of"], ("echo", False));

    /// <summary>Rendering only: nothing is generated, so tools can be shown, and sampling means nothing.</summary>
    public static FieldTable ApplyTemplate { get; } = new(["model", "messages", "tools", .. Template]);

    /// <summary>The tasks choose prompt, sampling and length themselves.</summary>
    public static FieldTable Tasks { get; } = new(
        ["model", "content"],
        [
            .. WithoutTemplate, ("stream", False), ("n", IsOne), ("stop", Empty), ("logprobs", False), ("echo", False), ("best_of", IsOne), ("suffix", Empty),
            .. Sampling.Except(["model", "stream", "n", "stop", "logprobs"]).Concat(["prompt", "messages", "max_completion_tokens", "top_logprobs"])
                .Select(name => (name, Never)),
        ]);

    public static FieldTable Tokenize { get; } =
        new(["model", "prompt", "content", "add_special_tokens", "add_special", "parse_special", "with_pieces", "return_token_strs"], ("messages", Never));

    public static FieldTable Embeddings { get; } = new(["model", "input", "encoding_format", "dimensions", "prompt_name", .. Truncation], [("input_type", Never), ("normalize", Never), .. OtherEnd]);

    public static FieldTable Rerank { get; } = new(
        ["model", "query", "documents", "top_n", "return_documents", .. Truncation], [("max_chunks_per_doc", Never), ("max_tokens_per_doc", Never), ("rank_fields", Never), ("raw_scores", False), .. OtherEnd]);

    public static FieldTable Detokenize { get; } = new(["model", "tokens", "skip_special_tokens"]);

    /// <summary>Whether the endpoint reads the field, or the field has no effect by its nature.</summary>
    public bool Accepts(string name) => _accepted.Contains(name);

    /// <summary>Whether the field is known and its value asks for something that is not done here.</summary>
    public bool Refuses(string name, JsonElement value) =>
        _refused.TryGetValue(name, out Func<JsonElement, bool>? asksNothing) ? !asksNothing(value) : IsGuided(name);

    /// <summary>Whether the field is known, and accepted only with a value that asks for nothing.</summary>
    public bool Knows(string name) => _refused.ContainsKey(name) || IsGuided(name);

    private static bool IsGuided(string name) => name.StartsWith("guided_", StringComparison.Ordinal);

    private static bool IsOne(JsonElement e) => e.ValueKind == JsonValueKind.Number && e.TryGetDouble(out double value) && value == 1;

    private static bool IsZero(JsonElement e) => e.ValueKind == JsonValueKind.Number && e.TryGetDouble(out double value) && value == 0;

    private static bool IsTextFormat(JsonElement e) =>
        e.ValueKind == JsonValueKind.Object && e.TryGetProperty("type", out JsonElement type) && OneOf("text")(type);

    private static Func<JsonElement, bool> OneOf(params string[] values) =>
        e => e.ValueKind == JsonValueKind.String && values.Any(v => e.ValueEquals(v));
}
