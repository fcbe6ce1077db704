using System.Text.Json;
using LlmService.App.Http.OpenAi;
using LlmService.App.Tasks;

namespace LlmService.App.Http;

/// <summary><c>POST /summarize</c>, <c>/tags</c> and <c>/analyze</c>, which does both.</summary>
internal sealed class TaskEndpoints(LoadedModels models, TaskPrompts prompts)
{
    public async Task SummarizeAsync(HttpContext context)
    {
        (TaskRequest request, DocumentTasks tasks) = await ReadAsync(context);
        DocumentSummary summary = await tasks.SummarizeAsync(request.Content, context.RequestAborted);
        await AnswerAsync(context, request, summary, null, summary.Parts, summary.Usage);
    }

    public async Task TagAsync(HttpContext context)
    {
        (TaskRequest request, DocumentTasks tasks) = await ReadAsync(context);
        DocumentTags tags = await tasks.TagAsync(request.Content, context.RequestAborted);
        await AnswerAsync(context, request, null, tags, tags.Parts, tags.Usage);
    }

    public async Task AnalyzeAsync(HttpContext context)
    {
        (TaskRequest request, DocumentTasks tasks) = await ReadAsync(context);
        DocumentSummary summary = await tasks.SummarizeAsync(request.Content, context.RequestAborted);
        DocumentTags tags = await tasks.TagAsync(request.Content, context.RequestAborted);
        // The prompts differ in length, and with them, rarely, the numbers of parts.
        await AnswerAsync(context, request, summary, tags, Math.Max(summary.Parts, tags.Parts), summary.Usage.Then(tags.Usage));
    }

    private async Task<(TaskRequest Request, DocumentTasks Tasks)> ReadAsync(HttpContext context)
    {
        using JsonDocument body = await RequestBody.ReadAsync(context);
        TaskRequest request = TaskRequest.Read(body.RootElement, models);
        AnswerSender.Warn(context, request.Warnings);
        return (request, new DocumentTasks(models.Engine(request.Model), prompts));
    }

    private static Task AnswerAsync(HttpContext context, TaskRequest request, DocumentSummary? summary, DocumentTags? tags, int parts, TaskUsage usage) =>
        JsonAnswer.WriteAsync(context, StatusCodes.Status200OK, json =>
        {
            json.WriteString("model", request.Model);
            if (summary is not null)
                json.WriteString("summary", summary.Text);
            if (tags is not null)
                WriteTags(json, tags);
            json.WriteNumber("parts", parts);
            JsonAnswer.WriteUsage(json, usage.PromptTokens, usage.CompletionTokens);
            json.WriteStartObject("timings");
            json.WriteNumber("first_token_ms", Math.Round(usage.FirstToken.TotalMilliseconds, 1));
            json.WriteNumber("total_ms", Math.Round(usage.Total.TotalMilliseconds, 1));
            json.WriteNumber("tokens_per_second", Math.Round(usage.TokensPerSecond, 1));
            json.WriteEndObject();
        });

    private static void WriteTags(Utf8JsonWriter json, DocumentTags tags)
    {
        json.WriteStartArray("tags");
        foreach (string tag in tags.Tags)
            json.WriteStringValue(tag);
        json.WriteEndArray();
    }
}
