using LlmService.App.Http.OpenAi;

namespace LlmService.App.Http;

/// <summary>The field <c>model</c> where it may be left out.</summary>
internal static class ModelField
{
    /// <summary>The id that is asked for; without one, the only model that is served is meant.</summary>
    /// <exception cref="AppException">invalid_request: several are served.</exception>
    public static string ReadId(this LoadedModels models, RequestReader reader) => reader.String("model") is { Length: > 0 } given ? given
        : models.All.Count == 1 ? models.All[0].Id
        : throw RequestReader.Invalid("model", "'model' is missing, and several models are served; the ids are at /v1/models.");
}
