using System.Text.Json;
using LlmService.App.Http.OpenAi;

namespace LlmService.App.Http;

/// <summary>A checked body of <c>/summarize</c>, <c>/tags</c> or <c>/analyze</c>.</summary>
internal sealed record TaskRequest(string Model, string Content, string? Warnings)
{
    /// <summary>Reads and checks the body. Without <c>model</c> the only model that is served is meant.</summary>
    /// <exception cref="AppException">invalid_request; unsupported_parameter.</exception>
    public static TaskRequest Read(JsonElement body, LoadedModels models)
    {
        RequestReader reader = new(body, FieldTable.Tasks);
        string model = models.ReadId(reader);
        string content = reader.String("content") ?? throw RequestReader.Invalid("content", "'content' is missing: the text of the document.");
        return string.IsNullOrWhiteSpace(content)
            ? throw RequestReader.Invalid("content", "'content' has no text: it is empty or only white space.")
            : new(model, content, reader.Warnings);
    }
}
