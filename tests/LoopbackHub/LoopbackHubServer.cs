using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace LlmService.LoopbackHub;

/// <summary>A stand-in for the Hugging Face Hub on loopback ports. It shares no code with the client.</summary>
public sealed class LoopbackHubServer : IAsyncDisposable
{
    private const string ContentFolder = "xet-bridge-us";

    private static readonly JsonObject Answers = JsonNode.Parse(
        typeof(LoopbackHubServer).Assembly.GetManifestResourceStream("answers.json")!)!.AsObject();

    private readonly Dictionary<string, Repository> _repositories;

    private LoopbackHubServer(IEnumerable<Repository> repositories) =>
        _repositories = repositories.ToDictionary(r => r.Id, StringComparer.Ordinal);

    /// <summary>The Hub itself.</summary>
    public LoopbackPort Hub { get; private set; } = null!;

    /// <summary>The content host; it must never see a token.</summary>
    public LoopbackPort Cdn { get; private set; } = null!;

    /// <summary>A host that must never see a token either.</summary>
    public LoopbackPort Evil { get; private set; } = null!;

    /// <summary>What a token means: the name in answers.json of its refusal, or null when it is good. Unlisted ones are bad.</summary>
    public Dictionary<string, string?> Tokens { get; } = [];

    /// <summary>The role of every good token, as whoami tells it: read, write or fineGrained.</summary>
    public string Role { get; set; } = "read";

    /// <summary>Former ids and what they are called now.</summary>
    public Dictionary<string, string> Renames { get; } = [];

    /// <summary>Starts all ports; the Hub on the given one, 0 for any.</summary>
    public static async Task<LoopbackHubServer> StartAsync(IEnumerable<Repository> repositories, int port = 0)
    {
        var server = new LoopbackHubServer(repositories);
        server.Hub = await LoopbackPort.StartAsync(server.AnswerHubAsync, port);
        server.Cdn = await LoopbackPort.StartAsync(server.AnswerCdnAsync, 0);
        server.Evil = await LoopbackPort.StartAsync(context => { context.Response.StatusCode = 404; return Task.CompletedTask; }, 0);
        return server;
    }

    /// <summary>Writes one of the answers of answers.json.</summary>
    public static async Task RefuseAsync(HttpContext context, string name, string id = "", string revision = "")
    {
        JsonObject answer = Answers[name]!.AsObject();
        string message = answer["message"]!.GetValue<string>().Replace("{id}", id).Replace("{rev}", revision);
        HttpResponse response = context.Response;
        response.StatusCode = answer["status"]!.GetValue<int>();
        if (answer["code"]?.GetValue<string>() is { } code)
            response.Headers["X-Error-Code"] = code;
        response.Headers["X-Error-Message"] = message;
        if (response.StatusCode == 401)
            response.Headers.WWWAuthenticate = "Bearer realm=\"Authentication required\", charset=\"UTF-8\"";
        bool api = context.Request.Path.StartsWithSegments("/api");
        response.ContentType = api ? "application/json; charset=utf-8" : "text/plain; charset=utf-8";
        if (context.Request.Method != "HEAD")
            await response.WriteAsync(api ? new JsonObject { ["error"] = message }.ToJsonString() : message);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await Hub.DisposeAsync();
        await Cdn.DisposeAsync();
        await Evil.DisposeAsync();
    }

    private async Task AnswerHubAsync(HttpContext context)
    {
        HttpResponse response = context.Response;
        response.Headers["X-Request-Id"] = "Root=1-0badcafe-000000000000000000000001";
        response.Headers["X-Powered-By"] = "huggingface-moon";
        response.Headers["RateLimit"] = "\"api\";r=400;t=200";
        string[] parts = [.. context.Features.Get<Microsoft.AspNetCore.Http.Features.IHttpRequestFeature>()!
            .RawTarget.Split('?')[0].Trim('/').Split('/').Select(Uri.UnescapeDataString)];
        string? token = context.Request.Headers.Authorization.ToString() is { Length: > 7 } header ? header[7..] : null;
        string? tokenRefusal = token is null ? null : Tokens.GetValueOrDefault(token, "badToken");
        switch (parts)
        {
            case ["api", "whoami-v2"] when token is null || tokenRefusal is not null:
                await RefuseAsync(context, tokenRefusal ?? "anonymous");
                return;
            case ["api", "whoami-v2"]:
                await JsonAsync(context, new JsonObject { ["type"] = "user", ["name"] = "alice", ["auth"] = new JsonObject { ["type"] = "access_token", ["accessToken"] = new JsonObject { ["role"] = Role } } });
                return;
            case ["api", "models", .. var address]:
                await AnswerRepositoryAsync(context, address[..IdLength(address)], address[IdLength(address)..], token, tokenRefusal, api: true);
                return;
            case ["api", "resolve-cache", "models", .. var address] when context.Request.QueryString.HasValue && address.Length > IdLength(address):
                await AnswerRepositoryAsync(
                    context, address[..IdLength(address)], ["content", .. address[(IdLength(address) + 1)..]], token, tokenRefusal, api: true);
                return;
            case [_, "resolve", ..] or [_, _, "resolve", ..]:
                await AnswerRepositoryAsync(context, parts[..IdLength(parts)], parts[IdLength(parts)..], token, tokenRefusal, api: false);
                return;
            default:
                response.StatusCode = 404;
                return;
        }
    }

    // A legacy id is one segment, without an owner; what follows an id is a call or a commit.
    private static int IdLength(string[] address) =>
        address.Length < 2 || address[1] is "resolve" or "revision" or "tree" or "refs" or "auth-check" || address[1].Length == 40 ? 1 : 2;

    private async Task AnswerRepositoryAsync(HttpContext context, string[] names, string[] rest, string? token, string? tokenRefusal, bool api)
    {
        string id = string.Join('/', names);
        if (Renames.TryGetValue(id, out string? now))
        {
            string target = context.Features.Get<Microsoft.AspNetCore.Http.Features.IHttpRequestFeature>()!.RawTarget;
            int start = target.IndexOf($"/{id}/", StringComparison.Ordinal) + 1;
            context.Response.StatusCode = 307;
            context.Response.Headers.Location = target[..start] + now + target[(start + id.Length)..];
            return;
        }
        _repositories.TryGetValue(id, out Repository? repository);
        string? refusal = token is null ? repository is null ? "anonymous" : repository.AnonymousRefusal
            : tokenRefusal is not null ? repository is { Gated: true } && (!api || rest is ["auth-check"]) ? "gatedAnonymous" : tokenRefusal
            : repository is null ? "repoNotFound" : repository.TokenRefusal;
        bool metadata = repository is { Gated: true } && api && rest is ["tree", ..] or ["revision", ..] or ["refs"] or [];
        if (refusal is not null && !(metadata && tokenRefusal is null && repository is { Gated: true }))
        {
            await RefuseAsync(context, refusal, id);
            return;
        }
        switch (rest)
        {
            case ["auth-check"]:
                context.Response.ContentType = "text/plain";
                await context.Response.WriteAsync("OK");
                return;
            case [] or ["revision", _] when rest is [] || Knows(repository!, rest[1]):
                await JsonAsync(context, RepositoryAnswers.Info(repository!, id));
                return;
            case ["refs"]:
                await JsonAsync(context, RepositoryAnswers.Revisions(repository!));
                return;
            case ["tree", var revision] when Knows(repository!, revision):
                await TreeAsync(context, repository!, masked: refusal is not null);
                return;
            case ["content", .. var path] when repository!.Files.TryGetValue(string.Join('/', path), out RepositoryContent? content):
                context.Response.Headers["X-Repo-Commit"] = repository.Commit;
                context.Response.ContentType = "text/plain; charset=utf-8";
                await BytesAsync(context, content.Bytes, content.GitId);
                return;
            case ["resolve", var revision, .. var path] when Knows(repository!, revision):
                await ResolveAsync(context, repository!, string.Join('/', path));
                return;
            case ["resolve" or "tree" or "revision", var revision, ..]:
                await RefuseAsync(context, "revisionNotFound", id, revision);
                return;
            default:
                context.Response.StatusCode = 404;
                return;
        }
    }

    private async Task ResolveAsync(HttpContext context, Repository repository, string path)
    {
        HttpResponse response = context.Response;
        response.Headers["X-Repo-Commit"] = repository.Commit;
        if (!repository.Files.TryGetValue(path, out RepositoryContent? file))
        {
            await RefuseAsync(context, "entryNotFound", repository.Id);
            return;
        }
        string escaped = string.Join('/', path.Split('/').Select(Uri.EscapeDataString));
        response.Headers["X-Linked-Size"] = file.Bytes.Length.ToString(CultureInfo.InvariantCulture);
        if (file.IsLfs)
        {
            response.StatusCode = 302;
            response.Headers["X-Linked-ETag"] = $"\"{file.Sha256}\"";
            response.ContentLength = context.Request.Method == "HEAD" ? 1311 : 0;
            response.Headers.Location = $"{Cdn.Address}/{ContentFolder}/{repository.Id}/{escaped}?X-Amz-Expires=3600&Signature=s";
            return;
        }
        response.StatusCode = 307;
        response.Headers.Location = $"/api/resolve-cache/models/{repository.Id}/{repository.Commit}/{escaped}?etag=%22{file.GitId}%22";
    }

    private async Task AnswerCdnAsync(HttpContext context)
    {
        if (context.Request.Headers.ContainsKey("Authorization"))
        {
            context.Response.StatusCode = 400;
            await context.Response.WriteAsync("<Error><Code>InvalidArgument</Code><Message>Only one auth mechanism allowed</Message></Error>");
            return;
        }
        string path = context.Request.Path.Value!["/".Length..];
        foreach (Repository repository in _repositories.Values)
        {
            string folder = $"{ContentFolder}/{repository.Id}/";
            if (!path.StartsWith(folder, StringComparison.Ordinal) || !repository.Files.TryGetValue(path[folder.Length..], out RepositoryContent? file))
                continue;
            // The tag of the content host is another hash that looks like a SHA-256.
            await BytesAsync(context, file.Bytes, new string('e', 64));
            return;
        }
        context.Response.StatusCode = 404;
    }

    private async Task TreeAsync(HttpContext context, Repository repository, bool masked)
    {
        int start = int.Parse(context.Request.Query["cursor"].ToString() is { Length: > 0 } cursor ? cursor : "0", CultureInfo.InvariantCulture);
        var page = new JsonArray();
        foreach ((string path, RepositoryContent file) in repository.Files.OrderBy(f => f.Key, StringComparer.Ordinal).Skip(start).Take(repository.PageSize))
        {
            var entry = new JsonObject { ["type"] = "file", ["path"] = path, ["oid"] = file.GitId, ["size"] = file.Bytes.Length };
            if (file.IsLfs)
                entry["lfs"] = new JsonObject { ["oid"] = masked ? new string('*', 64) : file.Sha256, ["size"] = file.Bytes.Length, ["pointerSize"] = 134 };
            page.Add(entry);
        }
        if (start + repository.PageSize < repository.Files.Count)
            context.Response.Headers.Link = $"<{Hub.Address}/api/models/{repository.Id}/tree/{repository.Commit}?recursive=true&cursor={start + repository.PageSize}>; rel=\"next\"";
        await JsonAsync(context, page);
    }

    private static bool Knows(Repository repository, string revision) =>
        revision == "main" || revision == repository.Commit || repository.Tags.Contains(revision);

    private static async Task BytesAsync(HttpContext context, byte[] bytes, string tag)
    {
        HttpResponse response = context.Response;
        response.Headers.ETag = $"\"{tag}\"";
        response.Headers.AcceptRanges = "bytes";
        long start = 0;
        if (Microsoft.Net.Http.Headers.RangeHeaderValue.TryParse(context.Request.Headers.Range.ToString(), out var range))
        {
            start = range.Ranges.First().From ?? 0;
            response.StatusCode = start < bytes.Length ? 206 : 416;
            response.Headers.ContentRange = start < bytes.Length ? $"bytes {start}-{bytes.Length - 1}/{bytes.Length}" : $"bytes */{bytes.Length}";
            start = Math.Min(start, bytes.Length);
        }
        response.ContentLength = bytes.Length - start;
        if (context.Request.Method != "HEAD")
            await response.Body.WriteAsync(bytes.AsMemory((int)start));
    }

    private static async Task JsonAsync(HttpContext context, JsonNode body)
    {
        context.Response.ContentType = "application/json; charset=utf-8";
        context.Response.Headers.ETag = "W/\"7e-0000\"";
        if (context.Request.Method != "HEAD")
            await context.Response.WriteAsync(body.ToJsonString(JsonSerializerOptions.Web));
    }
}
