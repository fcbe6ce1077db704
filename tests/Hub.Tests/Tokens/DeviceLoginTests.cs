namespace LlmService.Hub.Tokens;

public sealed class DeviceLoginTests : HubTest
{
    private static readonly string Access = SecretWatch.Make("device-access");
    private static readonly string Refresh = SecretWatch.Make("device-refresh");
    private static readonly string Old = SecretWatch.Make("device-old");

    private string TokenPath => Path.Combine(Cache, "home", "token");

    [Fact]
    public async Task Login_PendingSlowDownAndTrouble_WaitsAsTheHubWants()
    {
        Answer("pending", "slowDown", "badGateway", "granted");
        using DeviceLogin login = new(Options());

        DeviceCode code = await login.StartAsync(Cancel);
        LoginGrant grant = await login.WaitAsync(code, Cancel);

        Assert.Equal("ABCD-1234", code.UserCode);
        Assert.Equal($"{Server.Hub.Address}/oauth/device?user_code=ABCD-1234", code.AddressWithCode!.AbsoluteUri);
        Assert.Equal([5, 5, 10, 10], Clock.Waits.Select(wait => (int)wait.TotalSeconds));
        Assert.Equal(new Secret(Access), grant.Token);
        Assert.Equal(new Secret(Refresh), grant.RefreshToken);
        Assert.Equal(Clock.GetUtcNow().AddDays(30), grant.ExpiresAt);
        Assert.Equal("urn:ietf:params:oauth:grant-type:device_code", Server.Login.Forms.Last()["grant_type"]);
        Assert.All(Server.Login.Forms, form => Assert.Equal(DeviceLogin.DefaultClientId, form["client_id"]));
        Assert.All(Server.Hub.Requests, request => Assert.False(request.HasAuthorization));
    }

    [Theory]
    [InlineData("denied", HubDiagnosis.LoginDenied)]
    [InlineData("expired", HubDiagnosis.LoginExpired)]
    [InlineData("invalidClient", HubDiagnosis.EndpointUnsupported)]
    public async Task WaitAsync_Refused_Stops(string answer, HubDiagnosis expected)
    {
        Answer("pending", answer);
        using DeviceLogin login = new(Options());
        DeviceCode code = await login.StartAsync(Cancel);

        HubException failure = await FailureAsync(() => login.WaitAsync(code, Cancel));

        Assert.Equal(expected, failure.Diagnosis);
        Assert.Equal(2, Server.Login.Forms.Count(form => form.ContainsKey("grant_type")));
    }

    [Fact]
    public async Task WaitAsync_NobodyAnswers_EndsWithTheCode()
    {
        Answer([.. Enumerable.Repeat("pending", 1000)]);
        using DeviceLogin login = new(Options());
        DeviceCode code = await login.StartAsync(Cancel);

        HubException failure = await FailureAsync(() => login.WaitAsync(code, Cancel));

        Assert.Equal(HubDiagnosis.LoginExpired, failure.Diagnosis);
        Assert.True(Clock.GetUtcNow() <= code.Expires);
    }

    [Theory]
    [InlineData("text/html", "<html/>", HubDiagnosis.NotTheHub)]
    [InlineData("application/json", "{ broken", HubDiagnosis.NotTheHub)]
    [InlineData("application/json", """{"device_code":"d","user_code":"A\u001b[2J","verification_uri":"https://x.example"}""", HubDiagnosis.NotTheHub)]
    [InlineData("application/json", """{"device_code":"d","user_code":"A","verification_uri":"javascript:alert(1)"}""", HubDiagnosis.NotTheHub)]
    [InlineData("application/json", """{"user_code":"A","verification_uri":"https://x.example"}""", HubDiagnosis.NotTheHub)]
    public async Task StartAsync_StrangeAnswer_IsRefused(string type, string body, HubDiagnosis expected)
    {
        Server.Hub.Weather = Weather.Always(Weather.Text(200, type, body));
        using DeviceLogin login = new(Options());

        Assert.Equal(expected, (await FailureAsync(() => login.StartAsync(Cancel))).Diagnosis);
    }

    [Fact]
    public async Task StartAsync_Redirect_IsNotFollowed()
    {
        Server.Hub.Weather = Weather.Always(Weather.Status(307, ("Location", $"{Server.Evil.Address}/oauth/device")));
        using DeviceLogin login = new(Options());

        await FailureAsync(() => login.StartAsync(Cancel));

        Assert.Empty(Server.Evil.Requests);
    }

    [Fact]
    public void Constructor_PlainHttpEndpoint_Throws() =>
        Assert.Throws<ArgumentException>(() => new DeviceLogin(Options() with { Endpoint = new Uri("http://hub.example") }));

    [Fact]
    public async Task RenewAsync_TokenThatEndsSoon_RewritesBothFiles()
    {
        await StoreAsync(TimeSpan.FromHours(23));
        TokenSearch search = Search();

        HubToken? token = await search.FindAsync(null, Cancel);
        HubToken? again = await search.FindAsync(null, Cancel);

        Assert.Equal(new Secret(Access), token!.Secret);
        Assert.Equal(new Secret(Access), again!.Secret);
        Assert.Equal(Access, File.ReadAllText(TokenPath));
        TokenStore store = new(TokenPath, Clock);
        Assert.Equal([("oauth-alice", Access, Refresh)], store.Tokens.Select(t => (t.Name, t.Token.Reveal(), t.RefreshToken!.Reveal())));
        Assert.Equal("old-refresh", Assert.Single(Server.Login.Forms)["refresh_token"]);
    }

    [Fact]
    public async Task RenewAsync_TokenThatLastsOrHasNoRefresh_AsksNothing()
    {
        await StoreAsync(TimeSpan.FromHours(25));

        Assert.Equal(new Secret(Old), (await Search().FindAsync(null, Cancel))!.Secret);
        Assert.Empty(Server.Hub.Requests);
    }

    [Fact]
    public async Task RenewAsync_LoginHasEnded_WarnsOnceAndNeverTriesAgain()
    {
        await StoreAsync(TimeSpan.FromHours(1));
        Answer("invalidGrant");
        List<string> warnings = [];
        TokenSearch search = Search(warnings);

        for (int i = 0; i < 3; i++)
        {
            Assert.Equal(new Secret(Old), (await search.FindAsync(null, Cancel))!.Secret);
            await Task.Delay(TimeSpan.FromHours(1), Clock, Cancel);
        }

        Assert.Single(Server.Hub.Requests);
        Assert.Contains("Log in again", Assert.Single(warnings), StringComparison.Ordinal);
    }

    [Fact]
    public async Task RenewAsync_HubInTrouble_KeepsTheTokenAndTriesLater()
    {
        await StoreAsync(TimeSpan.FromHours(1));
        Answer("badGateway");
        TokenSearch search = Search();

        Assert.Equal(new Secret(Old), (await search.FindAsync(null, Cancel))!.Secret);
        Assert.Equal(new Secret(Old), (await search.FindAsync(null, Cancel))!.Secret);
        Assert.Single(Server.Hub.Requests);
        await Task.Delay(TimeSpan.FromSeconds(301), Clock, Cancel);
        Assert.Equal(new Secret(Access), (await search.FindAsync(null, Cancel))!.Secret);
    }

    private void Answer(params string[] answers)
    {
        foreach (string answer in answers)
            Server.Login.TokenAnswers.Enqueue(answer);
        (Server.Login.AccessToken, Server.Login.RefreshToken) = (Access, Refresh);
    }

    private async Task StoreAsync(TimeSpan left)
    {
        Answer();
        TokenStore store = new(TokenPath, Clock);
        await store.SaveAsync(new StoredToken("oauth-alice", new Secret(Old)) { RefreshToken = new Secret("old-refresh"), ExpiresAt = Clock.GetUtcNow() + left }, Cancel);
    }

    private TokenSearch Search(List<string>? warnings = null) =>
        new(new TokenSearchOptions { TokenPath = TokenPath, Refresh = new TokenRefresh(Options()), Warn = warnings is null ? null : warnings.Add });
}
