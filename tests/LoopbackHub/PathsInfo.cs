using System.Text.Json;
using System.Text.Json.Nodes;

namespace LlmService.LoopbackHub;

/// <summary>The call that tells about named paths (POST paths-info); unknown ones are left out of the answer.</summary>
internal static class PathsInfo
{
    /// <summary>The entries for the paths of the request's body; null when the body is not what it should be.</summary>
    public static async Task<JsonArray?> ReadAsync(HttpRequest request, Repository repository)
    {
        try
        {
            JsonNode? body = await JsonNode.ParseAsync(request.Body, cancellationToken: request.HttpContext.RequestAborted);
            bool expand = body?["expand"]?.GetValue<bool>() == true;
            IEnumerable<string> paths = body?["paths"]?.AsArray().Select(path => path!.GetValue<string>()) ?? [];
            return [.. paths.Where(repository.Files.ContainsKey).Select(path => Entry(repository, path, expand))];
        }
        catch (Exception failure) when (failure is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    private static JsonObject Entry(Repository repository, string path, bool expand)
    {
        RepositoryContent file = repository.Files[path];
        var entry = new JsonObject { ["type"] = "file", ["path"] = path, ["oid"] = file.GitId, ["size"] = file.Bytes.Length };
        if (file.IsLfs)
            entry["lfs"] = new JsonObject { ["oid"] = file.Sha256, ["size"] = file.Bytes.Length, ["pointerSize"] = 134 };
        if (expand)
            entry["lastCommit"] = new JsonObject { ["id"] = repository.Commit, ["title"] = "Add files", ["date"] = "2026-01-02T03:04:05.000Z" };
        return entry;
    }
}
