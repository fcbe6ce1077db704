using System.Globalization;

namespace LlmService.Hub;

public sealed class WeatherTests : HubTest
{
    [Fact]
    public async Task OpenAsync_QuotaUsedUp_WaitsForTheWindow()
    {
        Server.Hub.Weather = Weather.InTurn(Weather.Status(429, ("RateLimit", "\"api\";r=0;t=7")));
        using HubClient client = Client();

        await client.OpenAsync(Id(Public), "main", Cancel);

        Assert.Equal([TimeSpan.FromSeconds(8)], Clock.Waits);
    }

    [Fact]
    public async Task OpenAsync_RefusedWithQuotaLeft_WaitsAsRetryAfterSays()
    {
        Server.Hub.Weather = Weather.InTurn(Weather.Status(429, ("RateLimit", "\"api\";r=120;t=200"), ("Retry-After", "2")));
        using HubClient client = Client();

        await client.OpenAsync(Id(Public), "main", Cancel);

        Assert.Equal([TimeSpan.FromSeconds(3)], Clock.Waits);
    }

    [Theory]
    [InlineData(429)]
    [InlineData(503)]
    public async Task OpenAsync_RetryAfterAsDate_WaitsUntilThen(int status)
    {
        string date = Clock.GetUtcNow().AddSeconds(3).ToString("R", CultureInfo.InvariantCulture);
        Server.Hub.Weather = Weather.InTurn(Weather.Status(status, ("Retry-After", date)));
        using HubClient client = Client();

        await client.OpenAsync(Id(Public), "main", Cancel);

        Assert.Equal([TimeSpan.FromSeconds(3)], Clock.Waits);
    }

    [Theory]
    [InlineData("RateLimit", "\"api\";r=0;t=100", 101)]
    [InlineData("Retry-After", "3600", 3601)]
    public async Task OpenAsync_LongWait_IsReportedAtOnce(string header, string value, int seconds)
    {
        Server.Hub.Weather = Weather.Always(Weather.Status(429, (header, value)));
        using HubClient client = Client(Good);

        HubException failure = await FailureAsync(() => client.OpenAsync(Id(Public), "main", Cancel));

        Assert.Equal(HubDiagnosis.RateLimited, failure.Diagnosis);
        Assert.Equal(TimeSpan.FromSeconds(seconds), failure.RetryAfter);
        Assert.Empty(Clock.Waits);
        Assert.Single(Server.Hub.Requests);
    }

    [Fact]
    public async Task OpenAsync_AlwaysRefusedForRate_GivesUp()
    {
        Server.Hub.Weather = Weather.Always(Weather.Status(429));
        using HubClient client = Client();

        HubException failure = await FailureAsync(() => client.OpenAsync(Id(Public), "main", Cancel));

        Assert.Equal(HubDiagnosis.RateLimited, failure.Diagnosis);
        Assert.Equal(5, Server.Hub.Requests.Count);
    }

    [Theory]
    [InlineData(408)]
    [InlineData(500)]
    [InlineData(502)]
    [InlineData(503)]
    [InlineData(504)]
    public async Task DownloadAsync_TroubleTwice_IsRetriedOnEveryHost(int status)
    {
        Server.Hub.Weather = Weather.InTurn(Weather.Text(status, "text/html", "<h1>Trouble</h1>"), Weather.Status(status));
        Server.Cdn.Weather = Weather.InTurn(Weather.Text(status, "text/html", "<h1>Trouble</h1>"), Weather.Status(status));
        using HubClient client = Client(Good);

        AssertPublished(await DownloadAsync(client));

        Assert.Equal(4, Clock.Waits.Count);
        Assert.All(Clock.Waits, wait => Assert.InRange(wait.TotalSeconds, 0.5, 20));
    }

    [Fact]
    public async Task OpenAsync_TroubleForEver_IsHubUnavailable()
    {
        Server.Hub.Weather = Weather.Always(Weather.Status(503));
        using HubClient client = Client();

        HubException failure = await FailureAsync(() => client.OpenAsync(Id(Public), "main", Cancel));

        Assert.Equal(HubDiagnosis.HubUnavailable, failure.Diagnosis);
        Assert.Equal(503, failure.Status);
        Assert.Equal(5, Server.Hub.Requests.Count);
    }

    [Fact]
    public async Task OpenAsync_TroubleForEverWithCache_UsesTheCache()
    {
        using HubClient client = Client();
        await DownloadAsync(client);
        Server.Hub.Weather = Weather.Always(Weather.Status(503));

        ModelRepository opened = await client.OpenAsync(Id(Public), "main", Cancel);
        AssertPublished(await opened.DownloadAsync([Large], null, Cancel));
        HubException failure = await FailureAsync(() => opened.DownloadAsync(["config.json"], null, Cancel));

        Assert.True(opened.FromCacheOnly);
        Assert.Equal(HubDiagnosis.HubUnavailable, failure.Diagnosis);
        Assert.Equal("config.json", failure.File);
    }

    [Fact]
    public async Task OpenAsync_LogInPage_IsNotTheHub()
    {
        Server.Hub.Weather = Weather.Always(Weather.Text(200, "text/html", "<title>Sign in</title>"));
        using HubClient client = Client(Good);

        HubException failure = await FailureAsync(() => client.OpenAsync(Id(Public), "main", Cancel));

        Assert.Equal(HubDiagnosis.NotTheHub, failure.Diagnosis);
        Assert.Single(Server.Hub.Requests);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{\"sha\":\"../../etc\"}")]
    public async Task OpenAsync_BrokenJson_IsNotTheHub(string json)
    {
        Server.Hub.Weather = Weather.Always(Weather.Text(200, "application/json", json));
        using HubClient client = Client();

        HubException failure = await FailureAsync(() => client.OpenAsync(Id(Public), "main", Cancel));

        Assert.Equal(HubDiagnosis.NotTheHub, failure.Diagnosis);
    }

    [Fact]
    public async Task DownloadAsync_LogInPageInsteadOfFile_IsNotTheHub()
    {
        Server.Hub.Weather = Weather.Where("HEAD", "/resolve/", Weather.Always(Weather.Text(200, "text/html", "<title>Sign in</title>")));
        using HubClient client = Client(Good);

        HubException failure = await FailureAsync(() => DownloadAsync(client));

        Assert.Equal(HubDiagnosis.NotTheHub, failure.Diagnosis);
        AssertNothingPublished();
    }

    [Fact]
    public async Task DownloadAsync_NoRateHeadersAndOddEtag_IsAccepted()
    {
        Server.Hub.Weather = Weather.Where("HEAD", "/resolve/", context =>
        {
            context.Response.StatusCode = 302;
            context.Response.Headers["x-repo-commit"] = context.Request.Path.Value!.Split('/')[4];
            context.Response.Headers["x-linked-etag"] = " " + Content.Sha256 + " ";
            context.Response.Headers.Location = $"{Server.Cdn.Address}/xet-bridge-us/{Public}/{Large}";
            return Task.FromResult(true);
        });
        using HubClient client = Client();

        AssertPublished(await DownloadAsync(client));
    }
}
