using System.Text.Json;

namespace LlmService.App.Http.OpenAi;

/// <summary>Reads the fields of a request that make up a conversation.</summary>
internal static class ConversationFields
{
    // These are fields of their own.
    private static readonly string[] Reserved = ["messages", "tools", "documents", "add_generation_prompt", "continue_final_message"];

    /// <exception cref="AppException">invalid_request; unsupported_parameter.</exception>
    public static Conversation Read(RequestReader reader)
    {
        Conversation conversation = new(ReadMessages(reader))
        {
            Documents = ReadObjects(reader, "documents"),
            Tools = ReadObjects(reader, "tools"),
            Variables = ReadVariables(reader),
            AddGenerationPrompt = reader.Boolean("add_generation_prompt") ?? !(reader.Boolean("continue_final_message") ?? false),
            ContinueFinalMessage = reader.Boolean("continue_final_message") ?? false,
        };
        return conversation is { AddGenerationPrompt: true, ContinueFinalMessage: true }
            ? throw RequestReader.Invalid("continue_final_message", "'continue_final_message' and 'add_generation_prompt' contradict each other: an answer goes on with a message, or begins one.")
            : conversation;
    }

    private static JsonElement? ReadObjects(RequestReader reader, string name)
    {
        if (reader.Element(name) is not { } list)
            return null;
        if (list.ValueKind != JsonValueKind.Array || list.EnumerateArray().Any(e => e.ValueKind != JsonValueKind.Object))
            throw RequestReader.Invalid(name, $"'{name}' must be an array of objects.");
        return list.GetArrayLength() == 0 ? null : list;
    }

    private static Dictionary<string, JsonElement> ReadVariables(RequestReader reader)
    {
        if (reader.Element("chat_template_kwargs") is not { } variables)
            return [];
        if (variables.ValueKind != JsonValueKind.Object)
            throw RequestReader.Invalid("chat_template_kwargs", $"'chat_template_kwargs' must be an object, not {RequestReader.Describe(variables.ValueKind)}.");
        Dictionary<string, JsonElement> read = [];
        foreach (JsonProperty variable in variables.EnumerateObject())
        {
            string name = RequestReader.Name(variable);
            if (Reserved.Contains(name))
                throw RequestReader.Invalid($"chat_template_kwargs.{name}", $"'{name}' is a field of its own; it has no place in 'chat_template_kwargs'.");
            read[name] = variable.Value;
        }
        return read;
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
        string? role = null, name = null, reasoning = null;
        IReadOnlyList<string>? content = null;
        bool inParts = false;
        foreach (JsonProperty field in message.EnumerateObject().Where(f => f.Value.ValueKind != JsonValueKind.Null))
        {
            string key = RequestReader.Name(field);
            switch (key)
            {
                case "role":
                    role = RequestReader.Text(field.Value, $"{path}.role");
                    break;
                case "content":
                    inParts = field.Value.ValueKind == JsonValueKind.Array;
                    content = ReadContent(field.Value, $"{path}.content");
                    break;
                case "name":
                    name = RequestReader.Text(field.Value, $"{path}.name");
                    break;
                case "reasoning_content":
                    reasoning = RequestReader.Text(field.Value, $"{path}.reasoning_content");
                    break;
                case "tool_calls" when field.Value.ValueKind == JsonValueKind.Array && field.Value.GetArrayLength() == 0:
                case "tool_call_id":
                    break;
                case "tool_calls" or "function_call" or "audio" or "refusal":
                    throw RequestReader.Unsupported($"{path}.{key}", $"Messages with '{key}' are not supported; only text is.");
                default:
                    reader.Warn($"{path}.{key}");
                    break;
            }
        }
        if (role is not ("developer" or "system" or "user" or "assistant" or "tool"))
            throw RequestReader.Invalid($"{path}.role", $"'{path}.role' must be one of developer, system, user, assistant, tool.");
        if (content is null && role != "assistant")
            throw RequestReader.Invalid($"{path}.content", $"'{path}.content' is missing; only a message of the assistant may have none.");
        return new(role, string.Concat(content ?? [])) { Parts = inParts ? content : null, Name = name, Reasoning = reasoning };
    }

    private static string[] ReadContent(JsonElement content, string path) => content.ValueKind switch
    {
        JsonValueKind.String => [RequestReader.Text(content, path)],
        JsonValueKind.Array => [.. content.EnumerateArray().Select((part, i) => ReadPart(part, $"{path}[{i}]"))],
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
