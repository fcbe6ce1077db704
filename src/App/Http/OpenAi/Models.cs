using System.Text.Json;
using LlmService.Inference;

namespace LlmService.App.Http.OpenAi;

/// <summary><c>GET /v1/models</c> and <c>GET /v1/models/{id}</c>.</summary>
internal sealed class Models(LoadedModels models)
{
    /// <summary>Lists the models that are ready.</summary>
    public Task ListAsync(HttpContext context) => JsonAnswer.WriteAsync(context, StatusCodes.Status200OK, json =>
    {
        json.WriteString("object", "list");
        json.WriteStartArray("data");
        foreach (LoadedModel model in models.All)
        {
            if (model.Engine is not { } engine)
                continue;
            json.WriteStartObject();
            Write(json, model, engine);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    });

    /// <summary>Describes one model.</summary>
    /// <exception cref="AppException">model_not_found; model_loading; the code of a failed load.</exception>
    public Task GetAsync(HttpContext context)
    {
        // The server decodes the path except for %2F, so that a path keeps its segments; an id may hold either form.
        string id = ((string)context.Request.RouteValues["id"]!).Replace("%2F", "/", StringComparison.OrdinalIgnoreCase);
        LlmEngine engine = models.Engine(id);
        return JsonAnswer.WriteAsync(context, StatusCodes.Status200OK, json => Write(json, models.Find(id)!, engine));
    }

    private static void Write(Utf8JsonWriter json, LoadedModel model, LlmEngine engine)
    {
        json.WriteString("id", model.Id);
        json.WriteString("object", "model");
        json.WriteNumber("created", model.Created.ToUnixTimeSeconds());
        json.WriteString("owned_by", model.Reference.Repository is null ? "local" : model.Id.Split('/')[0]);
        json.WriteNumber("max_model_len", engine.Model.ContextLength);
    }
}
