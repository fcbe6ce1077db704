using System.Text.Json;

namespace LlmService.App.Http.OpenAi;

/// <summary>One prompt: a text, or ids that are used exactly as given.</summary>
internal readonly record struct Prompt(string? Text, IReadOnlyList<int>? TokenIds);

/// <summary>A checked body of <c>/v1/completions</c>.</summary>
internal sealed record CompletionRequest(
    GenerationFields Fields, IReadOnlyList<Prompt> Prompts, int MaxTokens, bool Echo, int? LogProbabilities, string? Warnings)
{
    private const int DefaultMaxTokens = 16;
    private const int MaxLogProbabilities = 20;
    private const int MaxSequences = 256;

    /// <summary>Reads and checks the body.</summary>
    /// <exception cref="AppException">invalid_request; unsupported_parameter.</exception>
    public static CompletionRequest Read(JsonElement body)
    {
        RequestReader reader = new(body, FieldTable.Completions);
        GenerationFields fields = GenerationFields.Read(reader);
        if (reader.Integer("best_of", 1, GenerationFields.MaxChoices) is { } bestOf && bestOf != fields.Choices)
            throw RequestReader.Unsupported("best_of", $"'best_of' must equal 'n' ({fields.Choices}): answers are not ranked here.", "Leave the field out.");
        bool echo = reader.Boolean("echo") ?? false;
        int maxTokens = reader.Integer("max_tokens", 0) ?? DefaultMaxTokens;
        if (maxTokens == 0 && !echo)
            throw RequestReader.Invalid("max_tokens", "'max_tokens' must be at least 1; 0 has a use only with 'echo'.");
        fields.CheckLimit(maxTokens);
        List<Prompt> prompts = ReadPrompts(reader);
        if ((long)prompts.Count * fields.Choices > MaxSequences)
            throw RequestReader.Invalid("prompt", $"{prompts.Count} prompts with {fields.Choices} answers each are more than {MaxSequences} answers in one request.");
        return new(fields, prompts, maxTokens, echo, reader.Integer("logprobs", 0, MaxLogProbabilities), reader.Warnings);
    }

    private static List<Prompt> ReadPrompts(RequestReader reader)
    {
        JsonElement prompt = reader.Element("prompt") ?? throw RequestReader.Invalid("prompt", "'prompt' is missing.");
        if (prompt.ValueKind == JsonValueKind.String)
            return [new(RequestReader.Text(prompt, "prompt"), null)];
        if (prompt.ValueKind != JsonValueKind.Array || prompt.GetArrayLength() == 0)
            throw WrongType();
        return prompt[0].ValueKind switch
        {
            JsonValueKind.Number => [new(null, ReadIds(prompt, "prompt"))],
            JsonValueKind.String => [.. prompt.EnumerateArray().Select((e, i) => new Prompt(RequestReader.Text(e, $"prompt[{i}]"), null))],
            JsonValueKind.Array => [.. prompt.EnumerateArray().Select((e, i) => new Prompt(null, ReadIds(e, $"prompt[{i}]")))],
            _ => throw WrongType(),
        };
    }

    private static int[] ReadIds(JsonElement ids, string path)
    {
        if (ids.ValueKind != JsonValueKind.Array || ids.GetArrayLength() == 0)
            throw RequestReader.Invalid(path, $"'{path}' must be an array of at least one token id.");
        return [.. ids.EnumerateArray().Select(id => RequestReader.TokenId(id, path))];
    }

    private static AppException WrongType() =>
        RequestReader.Invalid("prompt", "'prompt' must be a string, an array of strings, an array of token ids, or an array of such arrays; not empty.");
}
