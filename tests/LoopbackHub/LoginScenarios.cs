using System.Collections.Concurrent;
using System.Text.Json.Nodes;

namespace LlmService.LoopbackHub;

/// <summary>Who am I, and the login by a device code. What is answered stands in login.json.</summary>
public sealed class LoginScenarios
{
    private static readonly JsonObject Data = JsonNode.Parse(
        typeof(LoginScenarios).Assembly.GetManifestResourceStream("login.json")!)!.AsObject();

    private int _whoAmICalls;

    /// <summary>What whoami says of a token: a name of login.json. Tokens that are not listed get the answer of the server's role.</summary>
    public ConcurrentDictionary<string, string> Users { get; } = [];

    /// <summary>How many whoami calls are answered before the limit of the rate; then 429.</summary>
    public int WhoAmILimit { get; set; } = int.MaxValue;

    /// <summary>The answers to the next calls for a token, by their names in login.json; afterwards every call is granted.</summary>
    public ConcurrentQueue<string> TokenAnswers { get; } = [];

    /// <summary>The token that a grant brings.</summary>
    public string AccessToken { get; set; } = "loopback-oauth";

    /// <summary>The refresh token that a grant brings.</summary>
    public string RefreshToken { get; set; } = "loopback-refresh";

    /// <summary>The forms that were sent, in order.</summary>
    public ConcurrentQueue<IReadOnlyDictionary<string, string>> Forms { get; } = [];

    /// <summary>Makes the users of login.json known, for a Hub that is started by hand.</summary>
    /// <returns>Their tokens.</returns>
    public IReadOnlyList<string> AddUsers(IDictionary<string, string?> tokens)
    {
        List<string> names = [];
        foreach ((string token, JsonNode? user) in Data["users"]!.AsObject())
        {
            tokens[token] = null;
            Users[token] = user!.GetValue<string>();
            names.Add(token);
        }
        tokens["loopback-expired"] = "expiredToken";
        return [.. names, "loopback-expired"];
    }

    internal async Task<bool> AnswerAsync(HttpContext context, string[] parts, string? token, string? refusal, string hub)
    {
        switch (parts)
        {
            case ["api", "whoami-v2"] when Interlocked.Increment(ref _whoAmICalls) > WhoAmILimit:
                context.Response.Headers["RateLimit"] = "\"api\";r=0;t=40";
                await LoopbackHubServer.RefuseAsync(context, "rateLimited");
                return true;
            case ["api", "whoami-v2"] when token is not null && refusal is null && Users.TryGetValue(token, out string? user):
                await JsonAsync(context, 200, Data["whoami"]![user]!.ToJsonString());
                return true;
            case ["oauth", "device"] when context.Request.Method == "POST":
                await RecordAsync(context);
                await JsonAsync(context, 200, Data["device"]!.ToJsonString().Replace("{hub}", hub));
                return true;
            case ["oauth", "token"] when context.Request.Method == "POST":
                await RecordAsync(context);
                JsonNode answer = Data["token"]![TokenAnswers.TryDequeue(out string? name) ? name : "granted"]!;
                int status = answer["status"]!.GetValue<int>();
                if (answer["html"] is { } html)
                    await WriteAsync(context, status, "text/html; charset=utf-8", html.GetValue<string>());
                else
                    await JsonAsync(context, status, answer["body"]!.ToJsonString().Replace("{access}", AccessToken).Replace("{refresh}", RefreshToken));
                return true;
            default:
                return false;
        }
    }

    private async Task RecordAsync(HttpContext context)
    {
        IFormCollection form = await context.Request.ReadFormAsync();
        Forms.Enqueue(form.ToDictionary(field => field.Key, field => field.Value.ToString()));
    }

    private static Task JsonAsync(HttpContext context, int status, string body) => WriteAsync(context, status, "application/json; charset=utf-8", body);

    private static Task WriteAsync(HttpContext context, int status, string type, string body)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = type;
        return context.Response.WriteAsync(body);
    }
}
