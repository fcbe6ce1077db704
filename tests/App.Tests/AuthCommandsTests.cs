using System.Text.Json;
using LlmService.App.Cli;
using LlmService.LoopbackHub;

namespace LlmService.App.Tests;

public sealed class AuthCommandsTests : IAsyncLifetime
{
    private static readonly string Read = SecretWatch.Make("auth-read");
    private static readonly string Write = SecretWatch.Make("auth-write");
    private static readonly string Fine = SecretWatch.Make("auth-fine");
    private static readonly string Bad = SecretWatch.Make("auth-bad");

    private readonly string _folder = Directory.CreateTempSubdirectory("auth commands ").FullName;
    private readonly Dictionary<string, string> _variables = [];
    private LoopbackHubServer _server = null!;

    private string TokenPath => Path.Combine(_folder, ".cache", "huggingface", "token");

    public async ValueTask InitializeAsync()
    {
        _server = await LoopbackHubServer.StartAsync([new Repository("acme/tiny", new Dictionary<string, RepositoryContent>()) { AnonymousRefusal = "anonymous" }]);
        foreach ((string token, string user) in new[] { (Read, "read"), (Write, "write"), (Fine, "fineClosed") })
        {
            _server.Tokens[token] = null;
            _server.Login.Users[token] = user;
        }
        _variables["HF_ENDPOINT"] = _server.Hub.Address;
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Login_TokenOnStandardInput_IsCheckedAndStored()
    {
        (int exit, JsonElement json) = await JsonAsync(Read + "\n", "auth", "login", "--token", "-");

        Assert.Equal(0, exit);
        Assert.Equal(("laptop", "read"), (json.GetProperty("token").GetString(), json.GetProperty("role").GetString()));
        Assert.Equal("alice", json.GetProperty("account").GetProperty("name").GetString());
        Assert.Equal(Read, File.ReadAllText(TokenPath));
        Assert.Contains("[laptop]", File.ReadAllText(TokenPath.Replace("token", "stored_tokens", StringComparison.Ordinal)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Login_TokenThatTheHubRefuses_IsNotStored()
    {
        (int exit, JsonElement json) = await JsonAsync(Bad, "auth", "login", "--token", "-");

        AssertFailure(11, "unauthorized", "TokenInvalid", exit, json);
        Assert.False(File.Exists(TokenPath));
    }

    [Theory]
    [InlineData("")]
    [InlineData("  \n")]
    [InlineData("inner space")]
    public async Task Login_NoToken_IsAWrongCall(string input)
    {
        (int exit, JsonElement json) = await JsonAsync(input, "auth", "login", "--token", "-");

        AssertFailure(2, "invalid_request", null, exit, json);
        Assert.Empty(_server.Hub.Requests);
    }

    [Fact]
    public async Task Login_EndpointOfDotEnv_GetsNoToken()
    {
        _variables.Remove("HF_ENDPOINT");
        WriteDotEnv($"HF_ENDPOINT={_server.Hub.Address}\n");

        (int exit, JsonElement json) = await JsonAsync(Read, "auth", "login", "--token", "-");

        AssertFailure(2, "invalid_request", null, exit, json);
        Assert.Empty(_server.Hub.Requests);
    }

    [Fact]
    public async Task Login_Offline_SaysSo()
    {
        _variables["HF_HUB_OFFLINE"] = "1";

        (int exit, JsonElement json) = await JsonAsync(Read, "auth", "login", "--token", "-");

        AssertFailure(19, "hub_unreachable", "OfflineMode", exit, json);
        Assert.Empty(_server.Hub.Requests);
    }

    [Fact]
    public async Task Login_NoTerminal_UsesTheBrowser()
    {
        _server.Login.AccessToken = Fine;
        ProcessContext context = Context("") with { TimeProvider = new HurriedClock() };

        int exit = await CommandLine.RunAsync(["auth", "login", "--json"], context);

        Assert.Equal(0, exit);
        Assert.Equal("oauth-alice", Json(context).GetProperty("token").GetString());
        Assert.Contains("ABCD-1234", context.Error.ToString(), StringComparison.Ordinal);
        Assert.Equal(Fine, File.ReadAllText(TokenPath));
    }

    [Fact]
    public async Task Login_OnATerminal_AsksForThePaste()
    {
        ProcessContext context = Context("") with { ReadHidden = () => Read };

        Assert.Equal(0, await CommandLine.RunAsync(["auth", "login", "--name", "work"], context));
        Assert.Contains("'work'", context.Out.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Login_EnvironmentStillWins_Warns()
    {
        _variables["HF_TOKEN"] = Write;

        (_, JsonElement json) = await JsonAsync(Read, "auth", "login", "--token", "-");

        Assert.Contains("HF_TOKEN", Assert.Single(Texts(json, "warnings")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task SwitchListLogout_SeveralTokens_FollowTheName()
    {
        await JsonAsync(Read, "auth", "login", "--token", "-", "--name", "a");
        await JsonAsync(Fine, "auth", "login", "--token", "-", "--name", "b");

        (_, JsonElement list) = await JsonAsync("", "auth", "list");
        Assert.Equal(("b", 2), (list.GetProperty("active").GetString(), list.GetProperty("tokens").GetArrayLength()));

        Assert.Equal(0, (await JsonAsync("", "auth", "switch", "a")).Exit);
        Assert.Equal(Read, File.ReadAllText(TokenPath));
        (int exit, JsonElement json) = await JsonAsync("", "auth", "switch", "c");
        AssertFailure(2, "invalid_request", null, exit, json);
        (exit, json) = await JsonAsync("", "auth", "switch");
        AssertFailure(2, "invalid_request", null, exit, json);

        (exit, json) = await JsonAsync("", "auth", "logout", "--name", "c");
        AssertFailure(2, "invalid_request", null, exit, json);
        Assert.Equal(0, (await JsonAsync("", "auth", "logout", "--name", "a")).Exit);
        Assert.False(File.Exists(TokenPath));
        Assert.True((await JsonAsync("", "auth", "logout")).Json.GetProperty("removed").GetBoolean());
        Assert.False((await JsonAsync("", "auth", "logout")).Json.GetProperty("removed").GetBoolean());
    }

    [Fact]
    public async Task WhoAmI_WithAndWithoutToken()
    {
        (int exit, JsonElement json) = await JsonAsync("", "auth", "whoami");
        AssertFailure(11, "unauthorized", "NoToken", exit, json);

        _variables["HF_TOKEN"] = Read;
        (exit, json) = await JsonAsync("", "auth", "whoami");
        Assert.Equal((0, "alice"), (exit, json.GetProperty("name").GetString()));
        Assert.Equal("acme", json.GetProperty("organizations")[0].GetProperty("name").GetString());
        Assert.Equal("environment variable HF_TOKEN", json.GetProperty("token").GetProperty("source").GetString());
    }

    [Fact]
    public async Task Status_EveryRisk_IsWarnedOf()
    {
        await JsonAsync(Read, "auth", "login", "--token", "-");
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(TokenPath, (UnixFileMode)0b110_100_100);
        Directory.CreateDirectory(Path.Combine(_folder, ".git"));
        _variables["HF_TOKEN"] = Write;
        _variables["HF_API_TOKEN"] = Bad;
        WriteDotEnv("HUGGINGFACE_TOKEN=\"two words\"\n");

        (int exit, JsonElement json) = await JsonAsync("", "auth", "status");

        Assert.Equal(0, exit);
        Assert.Equal("write", json.GetProperty("token").GetProperty("role").GetString());
        string warnings = string.Join('\n', Texts(json, "warnings"));
        foreach (string part in new[] { "role 'read'", "hides another token", "HF_API_TOKEN", "HUGGINGFACE_TOKEN in .env", "not ignored" })
            Assert.Contains(part, warnings, StringComparison.Ordinal);
        if (!OperatingSystem.IsWindows())
            Assert.Contains("chmod 600", warnings, StringComparison.Ordinal);
        Assert.Equal("used", json.GetProperty("places")[0].GetProperty("state").GetString());
    }

    [Fact]
    public async Task Status_FineGrained_ShowsScopes()
    {
        _variables["HF_TOKEN"] = Fine;

        (int exit, string output, _) = await RunAsync("", "auth", "status");

        Assert.Equal(0, exit);
        Assert.Contains("* used", output, StringComparison.Ordinal);
        Assert.Contains("Scope: org acme: repo.content.read, repo.write", output, StringComparison.Ordinal);
        Assert.Contains("not covered by this fine-grained token", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Status_DeadToken_FailsAndStillShowsThePlaces()
    {
        _variables["HF_TOKEN"] = Bad;

        (int exit, JsonElement json) = await JsonAsync("", "auth", "status");

        AssertFailure(11, "unauthorized", "TokenInvalid", exit, json);
        Assert.NotEqual(0, json.GetProperty("places").GetArrayLength());
    }

    [Fact]
    public async Task Status_NoTokenOrOffline_AsksNothing()
    {
        (int exit, JsonElement json) = await JsonAsync("", "auth", "status");
        Assert.Equal((0, JsonValueKind.Null), (exit, json.GetProperty("token").ValueKind));

        _variables["HF_TOKEN"] = Read;
        _variables["HF_HUB_OFFLINE"] = "1";
        (exit, json) = await JsonAsync("", "auth", "status");
        Assert.Equal((0, true), (exit, json.GetProperty("offline").GetBoolean()));
        Assert.Empty(_server.Hub.Requests);
    }

    [Fact]
    public async Task WrongCall_TokenInTheWrongPlace_IsNotQuoted()
    {
        (int exit, JsonElement json) = await JsonAsync("", "auth", "login", Read);

        AssertFailure(2, "invalid_request", null, exit, json);
        Assert.Contains("[token]", json.GetProperty("message").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("auth")]
    [InlineData("auth", "frob")]
    [InlineData("auth", "login", "--token")]
    [InlineData("auth", "switch", "a", "b")]
    public async Task WrongCall_IsOneObject(params string[] args)
    {
        (int exit, JsonElement json) = await JsonAsync("", args);

        AssertFailure(2, "invalid_request", null, exit, json);
    }

    private static void AssertFailure(int expected, string code, string? diagnosis, int exit, JsonElement json)
    {
        Assert.Equal((expected, false, code, diagnosis ?? "InvalidRequest"),
            (exit, json.GetProperty("ok").GetBoolean(), json.GetProperty("code").GetString(), json.GetProperty("diagnosis").GetString()));
        Assert.False(string.IsNullOrEmpty(json.GetProperty("message").GetString()));
    }

    private static List<string> Texts(JsonElement json, string name) => [.. json.GetProperty(name).EnumerateArray().Select(text => text.GetString()!)];

    private static JsonElement Json(ProcessContext context)
    {
        using JsonDocument document = JsonDocument.Parse(context.Out.ToString()!);
        return document.RootElement.Clone();
    }

    private void WriteDotEnv(string content) => File.WriteAllText(Path.Combine(_folder, ".env"), content);

    private ProcessContext Context(string input) => TestContexts.Create(_folder, _variables, input);

    private async Task<(int Exit, JsonElement Json)> JsonAsync(string input, params string[] args)
    {
        ProcessContext context = Context(input);
        int exit = await CommandLine.RunAsync([.. args, "--json"], context);
        JsonElement json = Json(context);
        Assert.Equal(exit == 0, json.GetProperty("ok").GetBoolean());
        Assert.Equal(exit != 0, json.TryGetProperty("code", out _));
        return (exit, json);
    }

    private async Task<(int Exit, string Output, string Error)> RunAsync(string input, params string[] args)
    {
        ProcessContext context = Context(input);
        int exit = await CommandLine.RunAsync(args, context);
        return (exit, context.Out.ToString()!, context.Error.ToString()!);
    }

    private sealed class HurriedClock : TimeProvider
    {
        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            base.CreateTimer(callback, state, dueTime > TimeSpan.Zero ? TimeSpan.FromMilliseconds(1) : dueTime, period);
    }
}
