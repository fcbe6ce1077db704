using System.Text.Json;

namespace LlmService.App.Http.OpenAi;

/// <summary>A checked body of <c>/v1/chat/completions</c>.</summary>
internal sealed record ChatRequest(
    GenerationFields Fields, Conversation Conversation, int? MaxTokens, int? LogProbabilities, string? Warnings)
{
    private const int MaxLogProbabilities = 20;

    /// <summary>Reads and checks the body.</summary>
    /// <exception cref="AppException">invalid_request; unsupported_parameter.</exception>
    public static ChatRequest Read(JsonElement body)
    {
        RequestReader reader = new(body, FieldTable.Chat);
        GenerationFields fields = GenerationFields.Read(reader);
        int? maxTokens = reader.Integer(["max_tokens", "max_completion_tokens", "max_new_tokens"], 1);
        fields.CheckLimit(maxTokens);
        int? logProbabilities = ReadLogProbabilities(reader);
        Conversation conversation = ConversationFields.Read(reader);
        return new(fields, conversation, maxTokens, logProbabilities, reader.Warnings);
    }

    private static int? ReadLogProbabilities(RequestReader reader)
    {
        bool wanted = reader.Boolean("logprobs") ?? false;
        int? alternatives = reader.Integer("top_logprobs", 0, MaxLogProbabilities);
        if (alternatives is not null && !wanted)
            throw RequestReader.Invalid("top_logprobs", "'top_logprobs' needs 'logprobs' to be true.");
        return wanted ? alternatives ?? 0 : null;
    }
}
