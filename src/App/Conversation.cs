using System.Text.Json;
using LlmService.Tokenizers.Chat;

namespace LlmService.App;

/// <summary>One message of a conversation. The role <c>developer</c> is the newer name of <c>system</c>.</summary>
internal sealed record ChatTurn(string Role, string Text)
{
    public bool IsSystem => Role is "system" or "developer";

    /// <summary>The texts of the parts, when the content came in parts.</summary>
    public IReadOnlyList<string>? Parts { get; init; }

    /// <summary>Who of several speaks in this role.</summary>
    public string? Name { get; init; }

    /// <summary>What an assistant thought before it answered.</summary>
    public string? Reasoning { get; init; }

    /// <summary>The message as a template understands it.</summary>
    public ChatMessage ToMessage(ChatTemplateAbilities abilities)
    {
        string role = Role == "developer" && !abilities.DeveloperRole ? "system" : Role;
        bool inParts = abilities.ContentParts && (Parts is not null || !abilities.Text);
        ChatMessage message = inParts ? new(role, Parts ?? [Text]) : new(role, Text);
        if (Name is { } name)
            message = message.With("name", name);
        return Reasoning is { } reasoning ? message.With("reasoning_content", reasoning) : message;
    }
}

/// <summary>A conversation that a model is to go on with.</summary>
internal sealed record Conversation(IReadOnlyList<ChatTurn> Turns)
{
    /// <summary>The documents that the answer may draw on; null for none.</summary>
    public JsonElement? Documents { get; init; }

    /// <summary>The tools that the template is to print; null for none.</summary>
    public JsonElement? Tools { get; init; }

    /// <summary>More variables of the template.</summary>
    public IReadOnlyDictionary<string, JsonElement> Variables { get; init; } = new Dictionary<string, JsonElement>();

    /// <summary>Whether the beginning of an answer follows the messages.</summary>
    public bool AddGenerationPrompt { get; init; } = true;

    /// <summary>Whether the answer goes on with the last message.</summary>
    public bool ContinueFinalMessage { get; init; }

    /// <summary>The local time that templates print; null for now.</summary>
    public DateTime? Now { get; init; }
}
