using System.Text.Json;
using LlmService.Tokenizers.Jinja;

namespace LlmService.Tokenizers.Chat;

/// <summary>One message of a conversation. Immutable.</summary>
public sealed class ChatMessage
{
    // These stand in templates as parts of control tokens, such as <|user|>; what else calls itself a role is text.
    private static readonly HashSet<string> KnownRoles = ["system", "developer", "user", "assistant", "tool", "function", "ipython", "observation", "model"];

    private ChatMessage(DictValue fields) => Fields = fields;

    /// <summary>A message of text.</summary>
    public ChatMessage(string role, string content)
    {
        ArgumentNullException.ThrowIfNull(role);
        ArgumentNullException.ThrowIfNull(content);
        Fields = new DictValue();
        Fields.Set("role", RoleValue(role));
        Fields.Set("content", StringValue.FromData(content));
    }

    /// <summary>A message whose content is a list of parts of text.</summary>
    public ChatMessage(string role, IReadOnlyList<string> parts)
    {
        ArgumentNullException.ThrowIfNull(role);
        ArgumentNullException.ThrowIfNull(parts);
        Fields = new DictValue();
        Fields.Set("role", RoleValue(role));
        Fields.Set("content", new ListValue([.. parts.Select(TextPart)]));
    }

    /// <summary>Who speaks; null when the message does not say so.</summary>
    public string? Role => (Fields.Get("role") as StringValue)?.Text;

    /// <summary>What is said: the content, or the texts of its parts together; null when there is none.</summary>
    public string? Text => Fields.Get("content") switch
    {
        StringValue text => text.Text,
        ListValue parts => string.Concat(parts.Items.OfType<DictValue>().Select(p => (p.Get("text") as StringValue)?.Text)),
        _ => null,
    };

    internal DictValue Fields { get; }

    /// <summary>A message with all that its JSON object has, for templates that look at more than role and content: parts, tool calls, reasoning.</summary>
    /// <exception cref="JsonException">Not an object, or nested too deeply.</exception>
    public static ChatMessage FromJson(JsonElement json)
    {
        if (json.ValueKind != JsonValueKind.Object) throw new JsonException("A message must be a JSON object.");
        DictValue fields = (DictValue)JsonValues.Read(json);
        if (fields.Get("role") is StringValue role) fields.Set("role", RoleValue(role.Text));
        return new ChatMessage(fields);
    }

    /// <summary>The messages of a JSON array.</summary>
    /// <exception cref="JsonException">Not an array of objects, or nested too deeply.</exception>
    public static IReadOnlyList<ChatMessage> ListFromJson(JsonElement json) =>
        json.ValueKind == JsonValueKind.Array ? [.. json.EnumerateArray().Select(FromJson)] : throw new JsonException("The messages must be a JSON array.");

    /// <summary>The same message with one more field, such as <c>name</c> or <c>reasoning_content</c>.</summary>
    public ChatMessage With(string field, string value)
    {
        ArgumentNullException.ThrowIfNull(field);
        ArgumentNullException.ThrowIfNull(value);
        DictValue fields = Fields.Copy();
        fields.Set(field, StringValue.FromData(value));
        return new ChatMessage(fields);
    }

    private static DictValue TextPart(string text)
    {
        DictValue part = new();
        part.Set("type", new StringValue("text"));
        part.Set("text", StringValue.FromData(text));
        return part;
    }

    private static StringValue RoleValue(string role) => KnownRoles.Contains(role) ? new StringValue(role) : StringValue.FromData(role);
}
