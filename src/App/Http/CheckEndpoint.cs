using System.Text.Json;
using LlmService.App.Check;

namespace LlmService.App.Http;

/// <summary><c>POST /v1/models/check</c>: what the command <c>check</c> says, for a model of the Hub or one that is served here.</summary>
internal sealed class CheckEndpoint(LoadedModels models, Func<ModelReference, CancellationToken, Task<CheckReport>> check) : IDisposable
{
    private const int MaxAtOnce = 2;

    private readonly SemaphoreSlim _turns = new(MaxAtOnce);

    /// <summary>Answers 200 with the steps, also when a load would fail: the table is what was asked for.</summary>
    /// <exception cref="AppException">invalid_request; queue_full.</exception>
    public async Task PostAsync(HttpContext context)
    {
        using JsonDocument body = await RequestBody.ReadAsync(context);
        ModelReference model = Read(body.RootElement);
        // Every check asks the Hub with this service's token, and that has a quota.
        if (!await _turns.WaitAsync(TimeSpan.Zero, context.RequestAborted))
            throw new AppException(FailureCode.QueueFull, $"{MaxAtOnce} checks run already.") { Remedy = "Try again in a moment.", RetryAfter = TimeSpan.FromSeconds(2) };
        CheckReport report;
        try
        {
            report = await check(model, context.RequestAborted);
        }
        finally
        {
            _turns.Release();
        }
        await JsonAnswer.WriteAsync(context, StatusCodes.Status200OK, json => Write(json, report));
    }

    public void Dispose() => _turns.Dispose();

    private ModelReference Read(JsonElement body)
    {
        if (!body.TryGetProperty("model", out JsonElement value) || value.ValueKind != JsonValueKind.String || value.GetString() is not { Length: > 0 } text)
            throw new AppException(FailureCode.InvalidRequest, "The field 'model' must be the id of a model, as a text.") { Parameter = "model" };
        if (models.Find(text) is { } served)
            return served.Reference;
        ModelReference model = ModelReference.Parse(text, AppContext.BaseDirectory, AppContext.BaseDirectory);
        // A caller from the network must not learn which folders this machine has.
        return model.Folder is null || model.IsDemo ? model
            : throw new AppException(FailureCode.InvalidRequest, "Only models of the Hub, and those that are served here, are checked over HTTP.")
            {
                Parameter = "model",
                Remedy = "Check a folder with the command llm-service check.",
            };
    }

    private static void Write(Utf8JsonWriter json, CheckReport report)
    {
        json.WriteBoolean("ok", report.Ok);
        json.WriteString("model", report.Model);
        json.WriteStartArray("steps");
        foreach (CheckStep step in report.Steps)
        {
            json.WriteStartObject();
            json.WriteString("name", step.Name);
            json.WriteString("status", step.StatusName);
            json.WriteString("detail", step.Detail);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        if (report.Failure is not { } failure)
            return;
        json.WriteString("code", failure.Code.Name);
        json.WriteString("diagnosis", failure.Diagnosis);
        json.WriteString("message", failure.Message);
        json.WriteString("remedy", failure.Remedy);
    }
}
