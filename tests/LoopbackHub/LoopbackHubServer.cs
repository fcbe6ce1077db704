using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace LlmService.LoopbackHub;

/// <summary>A stand-in for the Hugging Face Hub on loopback ports. It shares no code with the client.</summary>
public sealed class LoopbackHubServer : IAsyncDisposable
{
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

    /// <summary>A mirror of the Hub: file addresses of its own, everything else sent on to the Hub.</summary>
    public LoopbackPort Mirror { get; private set; } = null!;

    /// <summary>The content-addressed store that Xet files name. It knows nothing, and must never see the Hub's token.</summary>
    public LoopbackPort Cas { get; private set; } = null!;

    /// <summary>What a token means: the name in answers.json of its refusal, or null when it is good. Unlisted ones are bad.</summary>
    public Dictionary<string, string?> Tokens { get; } = [];

    /// <summary>The role of every good token, as whoami tells it: read, write or fineGrained.</summary>
    public string Role { get; set; } = "read";

    /// <summary>Who am I, and logins.</summary>
    public LoginScenarios Login { get; } = new();

    /// <summary>Former ids and what they are called now.</summary>
    public Dictionary<string, string> Renames { get; } = [];

    /// <summary>Starts all ports; the Hub on the given one, 0 for any.</summary>
    public static async Task<LoopbackHubServer> StartAsync(IEnumerable<Repository> repositories, int port = 0)
    {
        var server = new LoopbackHubServer(repositories);
        server.Hub = await LoopbackPort.StartAsync(server.AnswerHubAsync, port);
        server.Cdn = await LoopbackPort.StartAsync(context => ResolveAnswers.ContentAsync(context, server._repositories.Values), 0);
        server.Mirror = await LoopbackPort.StartAsync(server.AnswerMirrorAsync, 0);
        server.Cas = await LoopbackPort.StartAsync(context => { context.Response.StatusCode = 404; return Task.CompletedTask; }, 0);
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
        await Mirror.DisposeAsync();
        await Cas.DisposeAsync();
    }

    private async Task AnswerHubAsync(HttpContext context)
    {
        HttpResponse response = context.Response;
        StandardAnswers.Put(context);
        string[] parts = [.. context.Features.Get<Microsoft.AspNetCore.Http.Features.IHttpRequestFeature>()!
            .RawTarget.Split('?')[0].Trim('/').Split('/').Select(Uri.UnescapeDataString)];
        string? token = context.Request.Headers.Authorization.ToString() is { Length: > 7 } header ? header[7..] : null;
        string? tokenRefusal = token is null ? null : Tokens.GetValueOrDefault(token, "badToken");
        if (await Login.AnswerAsync(context, parts, token, tokenRefusal, Hub.Address))
            return;
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
            case [_, _, "ask-access"] when token is not null && tokenRefusal is null && context.Request.Method == "POST":
                Ask($"{parts[0]}/{parts[1]}");
                response.StatusCode = 303;
                response.Headers.Location = $"{Hub.Address}/{parts[0]}/{parts[1]}";
                return;
            case [_, "resolve", ..] or [_, _, "resolve", ..]:
                await AnswerRepositoryAsync(context, parts[..IdLength(parts)], parts[IdLength(parts)..], token, tokenRefusal, api: false);
                return;
            default:
                response.StatusCode = 404;
                return;
        }
    }

    // An automatic gate opens for everybody who asks; a manual one waits for its owner.
    private void Ask(string id)
    {
        if (_repositories.TryGetValue(id, out Repository? repository) && repository.Gated)
            _repositories[id] = repository with { TokenRefusal = repository.AutoGate ? null : "gatedPending" };
    }

    // A legacy id is one segment, without an owner; what follows an id is a call or a commit.
    private static int IdLength(string[] address) =>
        address.Length < 2 || address[1] is "resolve" or "revision" or "tree" or "paths-info" or "refs" or "auth-check" || address[1].Length == 40 ? 1 : 2;

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
        bool open = repository is { Gated: true } && rest is ["resolve", _, var single] && StandardAnswers.PassesTheGate(single);
        if (refusal is not null && !open && !(metadata && tokenRefusal is null && repository is { Gated: true }))
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
                JsonObject? info = RepositoryAnswers.Info(repository!, id, context.Request.Query);
                context.Response.StatusCode = info is null ? 400 : 200;
                await JsonAsync(context, info ?? RepositoryAnswers.UnknownField());
                return;
            case ["refs"]:
                await JsonAsync(context, RepositoryAnswers.Revisions(repository!));
                return;
            case ["paths-info", var revision] when Knows(repository!, revision) && context.Request.Method == "POST":
                if (await PathsInfo.ReadAsync(context.Request, repository!) is { } found)
                    await JsonAsync(context, found);
                else
                    context.Response.StatusCode = 400;
                return;
            case ["tree", var revision] when Knows(repository!, revision):
                await TreeAsync(context, repository!, masked: refusal is not null);
                return;
            case ["content", .. var path] when repository!.Files.TryGetValue(string.Join('/', path), out RepositoryContent? content):
                context.Response.Headers["X-Repo-Commit"] = repository.Commit;
                context.Response.ContentType = "text/plain; charset=utf-8";
                await FileBody.SendAsync(context, content.Bytes, content.GitId, path[^1]);
                return;
            case ["resolve", var revision, .. var path] when Knows(repository!, revision):
                await ResolveAnswers.HubAsync(context, this, repository!, string.Join('/', path));
                return;
            case ["resolve" or "tree" or "revision", var revision, ..]:
                await RefuseAsync(context, "revisionNotFound", id, revision);
                return;
            default:
                context.Response.StatusCode = 404;
                return;
        }
    }

    private Task AnswerMirrorAsync(HttpContext context)
    {
        string[] parts = context.Request.Path.Value!.Trim('/').Split('/');
        int end = IdLength(parts);
        return ResolveAnswers.MirrorAsync(
            context, this, _repositories.GetValueOrDefault(string.Join('/', parts[..end])), parts.Length > end + 2 ? string.Join('/', parts[(end + 2)..]) : null);
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

    private static async Task JsonAsync(HttpContext context, JsonNode body)
    {
        context.Response.ContentType = "application/json; charset=utf-8";
        context.Response.Headers.ETag = "W/\"7e-0000\"";
        if (context.Request.Method != "HEAD")
            await context.Response.WriteAsync(body.ToJsonString(JsonSerializerOptions.Web));
    }
}
