namespace LlmService.Hub.Tokens;

public sealed class TokenPerRequestTests : HubTest
{
    [Fact]
    public async Task OpenAsync_TokenReplacedMeanwhile_NextRequestSendsTheNewOne()
    {
        string current = Bad;
        using HubClient client = new(Options() with { TokenFor = (_, _) => ValueTask.FromResult<HubToken?>(new HubToken(current, "rotating")) });

        HubException refused = await FailureAsync(() => client.OpenAsync(Id("acme/private"), "main", Cancel));
        current = Good;
        ModelRepository opened = await client.OpenAsync(Id("acme/private"), "main", Cancel);

        Assert.Equal(HubDiagnosis.TokenInvalid, refused.Diagnosis);
        Assert.Equal("rotating", refused.TokenSource);
        Assert.Null(opened.RefusedToken);
    }

    [Fact]
    public async Task OpenAsync_Owners_EachGetsTheTokenOfItsRepository()
    {
        List<string?> asked = [];
        using HubClient client = new(Options() with
        {
            TokenFor = (repository, _) =>
            {
                asked.Add(repository?.Value);
                return ValueTask.FromResult(repository?.Value == "acme/private" ? new HubToken(Good, "acme's own") : null);
            },
        });

        await client.OpenAsync(Id("acme/private"), "main", Cancel);
        await client.OpenAsync(Id("legacy"), "main", Cancel);

        Assert.Equal(["acme/private", "legacy"], asked.Distinct());
        Assert.All(Server.Hub.Requests.Where(r => r.Target.Contains("legacy", StringComparison.Ordinal)), r => Assert.False(r.HasAuthorization));
        Assert.All(Server.Hub.Requests.Where(r => r.Target.Contains("private", StringComparison.Ordinal)), r => Assert.True(r.HasAuthorization));
    }

    [Fact]
    public async Task OpenAsync_UnusableTokenOrNone_AsksAnonymouslyAndGivesTheHint()
    {
        using HubClient client = new(Options() with
        {
            TokenFor = (_, _) => ValueTask.FromResult<HubToken?>(new HubToken("line\nbreak", "test")),
            TokenHint = "Look at HF_API_TOKEN.",
        });

        HubException failure = await FailureAsync(() => client.OpenAsync(Id("acme/private"), "main", Cancel));

        Assert.Equal(HubDiagnosis.NotFoundOrPrivate, failure.Diagnosis);
        Assert.Equal("Look at HF_API_TOKEN.", failure.Hint);
        Assert.All(Server.Hub.Requests, request => Assert.False(request.HasAuthorization));
    }

    [Theory]
    [InlineData("read", "read", null, "laptop")]
    [InlineData("write", "write", null, "workshop")]
    [InlineData("fineGated", "fineGrained", true, "gates")]
    [InlineData("fineClosed", "fineGrained", false, "narrow")]
    [InlineData("oauth", null, null, null)]
    public async Task WhoAmIAsync_EveryKindOfToken_IsDescribed(string user, string? role, bool? gated, string? name)
    {
        Server.Login.Users[Good] = user;
        using HubClient client = Client(Good);

        HubAccount? account = await client.WhoAmIAsync(null, Cancel);

        Assert.Equal(("alice", role, gated, name), (account!.Name, account.Role, account.CanReadGatedRepositories, account.TokenName));
        Assert.Equal(user is "write" or "oauth", account.Expires is not null);
        Assert.Equal(user.StartsWith("fine", StringComparison.Ordinal) ? 1 : 0, account.Scopes.Count);
        Assert.Equal(user == "read" ? [new HubOrganization("acme", "read")] : [], account.Organizations);
    }

    [Fact]
    public async Task WhoAmIAsync_NoToken_IsNullWithoutARequest()
    {
        using HubClient client = Client();

        Assert.Null(await client.WhoAmIAsync(null, Cancel));
        Assert.Empty(Server.Hub.Requests);
    }

    [Theory]
    [InlineData("bad", HubDiagnosis.TokenInvalid)]
    [InlineData("expired", HubDiagnosis.TokenExpired)]
    public async Task WhoAmIAsync_DeadToken_SaysSo(string kind, HubDiagnosis expected)
    {
        using HubClient client = Client(TokenOf(kind));

        HubException failure = await FailureAsync(() => client.WhoAmIAsync(null, Cancel));

        Assert.Equal(expected, failure.Diagnosis);
        Assert.Null(failure.Repository);
        Assert.Equal("test", failure.TokenSource);
    }

    [Fact]
    public async Task WhoAmIAsync_ThirdCallInAWindow_IsRateLimitedWithTheTime()
    {
        Server.Login.WhoAmILimit = 2;
        using HubClient client = Client(Good);
        await client.WhoAmIAsync(null, Cancel);
        await client.WhoAmIAsync(null, Cancel);

        HubException failure = await FailureAsync(() => client.WhoAmIAsync(null, Cancel));

        Assert.Equal(HubDiagnosis.RateLimited, failure.Diagnosis);
        Assert.Equal(41, failure.RetryAfter!.Value.TotalSeconds);
        Assert.Empty(Clock.Waits);
    }

    [Theory]
    [InlineData("""{"name":"bob"}""", "bob")]
    [InlineData("""{"name":"bob","orgs":7,"auth":{"accessToken":{"role":5,"fineGrained":[],"expiration":"never"}}}""", "bob")]
    public async Task WhoAmIAsync_OddParts_AreOptional(string body, string name)
    {
        Server.Hub.Weather = Weather.Always(Weather.Text(200, "application/json", body));
        using HubClient client = Client(Good);

        Assert.Equal(name, (await client.WhoAmIAsync(null, Cancel))!.Name);
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{"name":"\u001b[31m"}""")]
    [InlineData("<html>")]
    public async Task WhoAmIAsync_NoAccount_IsNotTheHub(string body)
    {
        Server.Hub.Weather = Weather.Always(Weather.Text(200, "application/json", body));
        using HubClient client = Client(Good);

        Assert.Equal(HubDiagnosis.NotTheHub, (await FailureAsync(() => client.WhoAmIAsync(null, Cancel))).Diagnosis);
    }

    [Fact]
    public async Task Requests_WholeDownload_TokenStaysAtTheHub()
    {
        using HubClient client = Client(Good);
        await DownloadAsync(client);

        Assert.Contains(Server.Hub.Requests, request => request.HasAuthorization);
        Assert.All(Server.Cdn.Requests, request => Assert.False(request.HasAuthorization));
    }
}
