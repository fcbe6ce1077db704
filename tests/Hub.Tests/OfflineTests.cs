using System.Net;
using System.Net.Sockets;

namespace LlmService.Hub;

public sealed class OfflineTests : HubTest
{
    [Fact]
    public async Task OpenAsync_OfflineWithoutCache_OpensNoSocket()
    {
        using SocketsHttpHandler closed = Closed();
        using var client = new HubClient(Options(Good) with { Offline = true }, closed);

        HubException failure = await FailureAsync(() => client.OpenAsync(Id(Public), "main", Cancel));

        Assert.Equal(HubDiagnosis.OfflineMode, failure.Diagnosis);
        AssertNoRequests();
    }

    [Theory]
    [InlineData("main")]
    [InlineData(null)]
    public async Task DownloadAsync_OfflineWithCache_OpensNoSocket(string? revision)
    {
        using HubClient online = Client(Good);
        ModelRepository before = await online.OpenAsync(Id(Public), "main", Cancel);
        await before.DownloadAsync([Large], null, Cancel);
        Server.Hub.Requests.Clear();
        Server.Cdn.Requests.Clear();
        using SocketsHttpHandler closed = Closed();
        using var client = new HubClient(Options(Good) with { Offline = true }, closed);

        ModelRepository opened = await client.OpenAsync(Id(Public), revision ?? before.Commit, Cancel);
        AssertPublished(await opened.DownloadAsync([Large], null, Cancel));
        HubException missing = await FailureAsync(() => opened.DownloadAsync(["config.json"], null, Cancel));

        Assert.True(opened.FromCacheOnly);
        Assert.Equal(before.Files, opened.Files);
        Assert.Equal(HubDiagnosis.OfflineMode, missing.Diagnosis);
        AssertNoRequests();
    }

    [Fact]
    public async Task OpenAsync_OfflineWithACacheOfAnotherClient_ReadsTheSnapshot()
    {
        using HubClient online = Client();
        await DownloadAsync(online);
        Directory.Delete(Path.Combine(Cache, "models--acme--tiny", "trees"), recursive: true);
        using var client = new HubClient(Options() with { Offline = true });

        ModelRepository opened = await client.OpenAsync(Id(Public), "main", Cancel);

        Assert.Equal(Large, Assert.Single(opened.Files).Path);
        AssertPublished(await opened.DownloadAsync([Large], null, Cancel));
    }

    [Fact]
    public async Task OpenAsync_NothingListens_IsBlockedUnlessCached()
    {
        using HubClient online = Client();
        await DownloadAsync(online);
        using var unused = new TcpListener(IPAddress.Loopback, 0);
        unused.Start();
        var endpoint = new Uri($"http://{unused.LocalEndpoint}");
        unused.Stop();
        using var client = new HubClient(Options(Good) with { Endpoint = endpoint });

        HubException failure = await FailureAsync(() => client.OpenAsync(Id("acme/policy"), "main", Cancel));
        ModelRepository opened = await client.OpenAsync(Id(Public), "main", Cancel);
        AssertPublished(await opened.DownloadAsync([Large], null, Cancel));
        HubException missing = await FailureAsync(() => opened.DownloadAsync(["config.json"], null, Cancel));

        Assert.Equal(HubDiagnosis.Blocked, failure.Diagnosis);
        Assert.Equal(HubDiagnosis.Blocked, missing.Diagnosis);
        Assert.True(opened.FromCacheOnly);
    }

    [Fact(Timeout = 60_000)]
    public async Task OpenAsync_ListenerStaysMute_IsBlockedAfterTheTimeOut()
    {
        using var mute = new TcpListener(IPAddress.Loopback, 0);
        mute.Start();
        using var client = new HubClient(Options(Good) with
        {
            Endpoint = new Uri($"http://{mute.LocalEndpoint}"),
            MetadataTimeout = TimeSpan.FromMilliseconds(300),
        });

        HubException failure = await FailureAsync(() => client.OpenAsync(Id(Public), "main", TestContext.Current.CancellationToken));

        Assert.Equal(HubDiagnosis.Blocked, failure.Diagnosis);
    }

    [Fact(Timeout = 60_000)]
    public async Task OpenAsync_BodyStaysMute_IsBlockedAfterTheTimeOut()
    {
        Server.Hub.Weather = Weather.Always(async context =>
        {
            context.Response.ContentType = "application/json";
            await Weather.MuteAt(Weights, 1)(context);
        });
        using var client = new HubClient(Options(Good) with { MetadataTimeout = TimeSpan.FromMilliseconds(300) });

        HubException failure = await FailureAsync(() => client.OpenAsync(Id(Public), "main", TestContext.Current.CancellationToken));

        Assert.Equal(HubDiagnosis.Blocked, failure.Diagnosis);
    }

    [Theory]
    [InlineData(HttpRequestError.NameResolutionError, HubDiagnosis.Offline)]
    [InlineData(HttpRequestError.ConnectionError, HubDiagnosis.Blocked)]
    [InlineData(HttpRequestError.SecureConnectionError, HubDiagnosis.TlsUntrusted)]
    [InlineData(HttpRequestError.ProxyTunnelError, HubDiagnosis.ProxyAuth)]
    [InlineData(HttpRequestError.InvalidResponse, HubDiagnosis.NotTheHub)]
    [InlineData(HttpRequestError.ResponseEnded, HubDiagnosis.HubUnavailable)]
    public async Task OpenAsync_NoAnswer_NamesTheReason(HttpRequestError error, HubDiagnosis expected)
    {
        using var handler = new Failing(new HttpRequestException(error, "no answer", null, HttpStatusCode.ProxyAuthenticationRequired));
        using var client = new HubClient(Options(Good), handler);

        HubException failure = await FailureAsync(() => client.OpenAsync(Id(Public), "main", Cancel));

        Assert.Equal(expected, failure.Diagnosis);
        AssertNoRequests();
    }

    [Fact]
    public async Task OpenAsync_Cancelled_StaysACancellation()
    {
        using var stop = new CancellationTokenSource();
        Server.Hub.Weather = Weather.Always(async context =>
        {
            await stop.CancelAsync();
            await Weather.MuteAt(Weights, 0)(context);
        });
        using HubClient client = Client();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => client.OpenAsync(Id(Public), "main", stop.Token));
    }

    private static SocketsHttpHandler Closed() => new()
    {
        ConnectCallback = (_, _) => throw new InvalidOperationException("a socket was to be opened"),
    };

    private void AssertNoRequests()
    {
        Assert.Empty(Server.Hub.Requests);
        Assert.Empty(Server.Cdn.Requests);
        Assert.Empty(Server.Evil.Requests);
    }

    private sealed class Failing(HttpRequestException failure) : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
            Task.FromException<HttpResponseMessage>(failure);
    }
}
