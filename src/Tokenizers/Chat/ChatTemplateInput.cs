using System.Text.Json;

namespace LlmService.Tokenizers.Chat;

/// <summary>What a chat template renders.</summary>
public sealed record ChatTemplateInput
{
    /// <summary>The conversation.</summary>
    public required IReadOnlyList<ChatMessage> Messages { get; init; }

    /// <summary>The tools that the model may call, as a JSON array; null for none.</summary>
    public JsonElement? Tools { get; init; }

    /// <summary>The documents that the answer may draw on, as a JSON array; null for none.</summary>
    public JsonElement? Documents { get; init; }

    /// <summary>Whether the beginning of an answer follows the messages; null leaves the variable undefined.</summary>
    public bool? AddGenerationPrompt { get; init; } = false;

    /// <summary>Whether the text ends where the last message ends, so that a model goes on with it.</summary>
    public bool ContinueFinalMessage { get; init; }

    /// <summary>Which of several named templates; null for the one that the reference chooses.</summary>
    public string? TemplateName { get; init; }

    /// <summary>More variables, such as <c>enable_thinking</c>. They take the place of special tokens of the same name.</summary>
    public IReadOnlyDictionary<string, JsonElement> Variables { get; init; } = new Dictionary<string, JsonElement>();

    /// <summary>The local time that templates may print; null for now.</summary>
    public DateTime? Now { get; init; }
}
