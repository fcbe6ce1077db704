using System.Globalization;
using System.Text.Json;

namespace LlmService.App.Http;

/// <summary><c>GET /health</c>: the process is alive. <c>GET /ready</c>: where each model stands.</summary>
internal sealed class StatusEndpoints(LoadedModels models)
{
    private const int RetryAfterSeconds = 2;

    public static Task HealthAsync(HttpContext context) =>
        JsonAnswer.WriteAsync(context, StatusCodes.Status200OK, json => json.WriteString("status", "ok"));

    /// <summary>200 when nothing loads any more and at least one model is ready; 503 otherwise.</summary>
    public Task ReadyAsync(HttpContext context)
    {
        // A model may become ready between two looks: one look for both the status and the details.
        List<(LoadedModel Model, ModelState State)> states = [.. models.All.Select(m => (m, m.State))];
        bool loading = states.Any(s => s.State == ModelState.Loading);
        bool ready = !loading && states.Any(s => s.State == ModelState.Ready);
        if (loading)
            context.Response.Headers.RetryAfter = RetryAfterSeconds.ToString(CultureInfo.InvariantCulture);
        int status = ready ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable;
        return JsonAnswer.WriteAsync(context, status, json =>
        {
            json.WriteString("status", ready ? "ready" : loading ? "loading" : "failed");
            json.WriteStartArray("models");
            foreach ((LoadedModel model, ModelState state) in states)
                Write(json, model, state);
            json.WriteEndArray();
        });
    }

    private static void Write(Utf8JsonWriter json, LoadedModel model, ModelState state)
    {
        json.WriteStartObject();
        json.WriteString("id", model.Id);
        json.WriteString("state", state switch
        {
            ModelState.Loading => "loading",
            ModelState.Ready => "ready",
            ModelState.Failed => "failed",
            _ => throw new InvalidOperationException($"unknown state {state}"),
        });
        json.WriteString("progress", model.Progress);
        if (state == ModelState.Failed)
            ErrorResponses.Write(json, model.Failure!);
        json.WriteEndObject();
    }
}
