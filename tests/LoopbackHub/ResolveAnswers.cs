using System.Globalization;

namespace LlmService.LoopbackHub;

/// <summary>What the Hub and a mirror answer to a file address.</summary>
internal static class ResolveAnswers
{
    private const string FileInfoType = "application/vnd.xet-fileinfo+json";

    /// <summary>The folder of the content host.</summary>
    public const string ContentFolder = "xet-bridge-us";

    /// <summary>The Hub: a redirect to the content host for large files; to its own cache for the others, or these at once behind a gate.</summary>
    public static async Task HubAsync(HttpContext context, LoopbackHubServer server, Repository repository, string path)
    {
        HttpResponse response = context.Response;
        response.Headers["X-Repo-Commit"] = repository.Commit;
        if (!repository.Files.TryGetValue(path, out RepositoryContent? file))
        {
            await LoopbackHubServer.RefuseAsync(context, "entryNotFound", repository.Id);
            return;
        }
        string tag = file.IsLfs ? file.Sha256 : file.GitId;
        response.Headers["X-Linked-Size"] = file.Bytes.Length.ToString(CultureInfo.InvariantCulture);
        if (context.Request.Headers.IfNoneMatch == $"\"{tag}\"")
        {
            response.StatusCode = 304;
            response.Headers.ETag = $"\"{tag}\"";
        }
        else if (file.IsLfs)
        {
            await LargeAsync(context, server, repository, path, file);
        }
        else if (repository.Gated)
        {
            response.ContentType = "text/plain; charset=utf-8";
            await FileBody.SendAsync(context, file.Bytes, file.GitId, Name(path));
        }
        else
        {
            response.StatusCode = 307;
            string asked = Uri.EscapeDataString(context.Request.Path.Value!);
            response.Headers.Location =
                $"/api/resolve-cache/models/{repository.Id}/{repository.Commit}/{Escape(path)}?{asked}=&etag=%22{file.GitId}%22";
        }
    }

    /// <summary>A mirror: its own resolve without error codes and rates; all else is the Hub's.</summary>
    public static async Task MirrorAsync(HttpContext context, LoopbackHubServer server, Repository? repository, string? path)
    {
        HttpResponse response = context.Response;
        if (context.Request.Path.StartsWithSegments("/api"))
        {
            response.StatusCode = 308;
            response.Headers.Location = server.Hub.Address + context.Features.Get<Microsoft.AspNetCore.Http.Features.IHttpRequestFeature>()!.RawTarget;
            return;
        }
        if (repository is null || path is null || !repository.Files.TryGetValue(path, out RepositoryContent? file))
        {
            response.StatusCode = 404;
            return;
        }
        response.Headers["X-Repo-Commit"] = repository.Commit;
        response.Headers["X-Linked-Size"] = file.Bytes.Length.ToString(CultureInfo.InvariantCulture);
        if (file.IsLfs)
            await LargeAsync(context, server, repository, path, file);
        else
            await FileBody.SendAsync(context, file.Bytes, file.GitId, Name(path));
    }

    /// <summary>The content host. It wants the signature alone: a token beside it is an error, as for the real storage.</summary>
    public static async Task ContentAsync(HttpContext context, IEnumerable<Repository> repositories)
    {
        if (context.Request.Headers.ContainsKey("Authorization"))
        {
            context.Response.StatusCode = 400;
            await context.Response.WriteAsync("<Error><Code>InvalidArgument</Code><Message>Only one auth mechanism allowed</Message></Error>");
            return;
        }
        string path = context.Request.Path.Value!["/".Length..];
        foreach (Repository repository in repositories)
        {
            string folder = $"{ContentFolder}/{repository.Id}/";
            if (!path.StartsWith(folder, StringComparison.Ordinal) || !repository.Files.TryGetValue(path[folder.Length..], out RepositoryContent? file))
                continue;
            context.Response.ContentType = "application/octet-stream";
            await FileBody.SendAsync(context, file.Bytes, StandardAnswers.ContentTag, Name(path));
            return;
        }
        context.Response.StatusCode = 404;
    }

    private static async Task LargeAsync(HttpContext context, LoopbackHubServer server, Repository repository, string path, RepositoryContent file)
    {
        HttpResponse response = context.Response;
        response.Headers["X-Linked-ETag"] = $"\"{file.Sha256}\"";
        if (repository.Xet)
        {
            response.Headers["X-Xet-Hash"] = StandardAnswers.ContentTag;
            response.Headers.Link = $"<{server.Hub.Address}/api/models/{repository.Id}/xet-read-token/{repository.Commit}>; rel=\"xet-auth\", "
                + $"<{server.Cas.Address}/v1/reconstructions/{StandardAnswers.ContentTag}>; rel=\"xet-reconstruction-info\"";
        }
        if (repository.Xet && context.Request.Headers.Accept.ToString().Contains(FileInfoType, StringComparison.Ordinal))
        {
            response.ContentType = FileInfoType;
            await response.WriteAsync("{}");
            return;
        }
        response.StatusCode = 302;
        response.Headers.AcceptRanges = "bytes";
        response.Headers.Location = $"{server.Cdn.Address}/{ContentFolder}/{repository.Id}/{Escape(path)}?X-Amz-Expires=3600&Signature=s";
        string text = "Found. Redirecting to the content host".PadRight((int)StandardAnswers.RedirectTextLength, '.');
        response.ContentLength = text.Length;
        if (context.Request.Method != "HEAD")
            await response.WriteAsync(text);
    }

    private static string Escape(string path) => string.Join('/', path.Split('/').Select(Uri.EscapeDataString));

    private static string Name(string path) => path[(path.LastIndexOf('/') + 1)..];
}
