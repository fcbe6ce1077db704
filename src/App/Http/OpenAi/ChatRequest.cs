using System.Text.Json;

namespace LlmService.App.Http.OpenAi;

/// <summary>A checked body of <c>/v1/chat/completions</c>.</summary>
internal sealed record ChatRequest(
    GenerationFields Fields, IReadOnlyList<ChatTurn> Turns, int? MaxTokens, int? LogProbabilities, string? Warnings)
{
    private const int MaxLogProbabilities = 20;

    /// <summary>Reads and checks the body.</summary>
    /// <exception cref="AppException">invalid_request; unsupported_parameter.</exception>
    public static ChatRequest Read(JsonElement body)
    {
        RequestReader reader = new(body, FieldTable.Chat);
        GenerationFields fields = GenerationFields.Read(reader);
        int? maxTokens = ReadMaxTokens(reader);
        fields.CheckLimit(maxTokens);
        int? logProbabilities = ReadLogProbabilities(reader);
        List<ChatTurn> turns = ReadMessages(reader);
        return new(fields, turns, maxTokens, logProbabilities, reader.Warnings);
    }

    private static int? ReadMaxTokens(RequestReader reader)
    {
        int? older = reader.Integer("max_tokens", 1);
        int? newer = reader.Integer("max_completion_tokens", 1);
        return older is null || newer is null || older == newer
            ? newer ?? older
            : throw RequestReader.Invalid("max_tokens", "'max_tokens' and 'max_completion_tokens' are two names of one limit, and their values differ.");
    }

    private static int? ReadLogProbabilities(RequestReader reader)
    {
        bool wanted = reader.Boolean("logprobs") ?? false;
        int? alternatives = reader.Integer("top_logprobs", 0, MaxLogProbabilities);
        if (alternatives is not null && !wanted)
            throw RequestReader.Invalid("top_logprobs", "'top_logprobs' needs 'logprobs' to be true.");
        return wanted ? alternatives ?? 0 : null;
    }

    private static List<ChatTurn> ReadMessages(RequestReader reader)
    {
        JsonElement messages = reader.Element("messages") ?? throw RequestReader.Invalid("messages", "'messages' is missing.");
        if (messages.ValueKind != JsonValueKind.Array || messages.GetArrayLength() == 0)
            throw RequestReader.Invalid("messages", "'messages' must be an array of at least one message.");
        List<ChatTurn> turns = [];
        foreach (JsonElement message in messages.EnumerateArray())
            turns.Add(ReadMessage(message, $"messages[{turns.Count}]", reader));
        return turns;
    }

    private static ChatTurn ReadMessage(JsonElement message, string path, RequestReader reader)
    {
        if (message.ValueKind != JsonValueKind.Object)
            throw RequestReader.Invalid(path, $"'{path}' must be an object with 'role' and 'content', not {RequestReader.Describe(message.ValueKind)}.");
        string? role = null;
        string? content = null;
        foreach (JsonProperty field in message.EnumerateObject().Where(f => f.Value.ValueKind != JsonValueKind.Null))
        {
            string name = RequestReader.Name(field);
            switch (name)
            {
                case "role":
                    role = RequestReader.Text(field.Value, $"{path}.role");
                    break;
                case "content":
                    content = ReadContent(field.Value, $"{path}.content");
                    break;
                case "tool_calls" when field.Value.ValueKind == JsonValueKind.Array && field.Value.GetArrayLength() == 0:
                case "tool_call_id":
                    break;
                case "tool_calls" or "function_call" or "audio" or "refusal":
                    throw RequestReader.Unsupported($"{path}.{name}", $"Messages with '{name}' are not supported; only text is.");
                default:
                    reader.Warn($"{path}.{name}");
                    break;
            }
        }
        if (role is not ("developer" or "system" or "user" or "assistant" or "tool"))
            throw RequestReader.Invalid($"{path}.role", $"'{path}.role' must be one of developer, system, user, assistant, tool.");
        if (content is null && role != "assistant")
            throw RequestReader.Invalid($"{path}.content", $"'{path}.content' is missing; only a message of the assistant may have none.");
        return new(role, content ?? "");
    }

    private static string ReadContent(JsonElement content, string path) => content.ValueKind switch
    {
        JsonValueKind.String => RequestReader.Text(content, path),
        JsonValueKind.Array => string.Concat(content.EnumerateArray().Select((part, i) => ReadPart(part, $"{path}[{i}]"))),
        _ => throw RequestReader.Invalid(path, $"'{path}' must be a string or an array of text parts, not {RequestReader.Describe(content.ValueKind)}."),
    };

    private static string ReadPart(JsonElement part, string path)
    {
        if (part.ValueKind != JsonValueKind.Object || !part.TryGetProperty("type", out JsonElement type))
            throw RequestReader.Invalid(path, $"'{path}' must be an object with a 'type'.");
        string kind = RequestReader.Text(type, $"{path}.type");
        if (kind != "text")
            throw RequestReader.Unsupported($"{path}.type", "Only parts of the type 'text' are supported: the models here read text only.");
        return part.TryGetProperty("text", out JsonElement text)
            ? RequestReader.Text(text, $"{path}.text")
            : throw RequestReader.Invalid($"{path}.text", $"'{path}.text' is missing.");
    }
}
