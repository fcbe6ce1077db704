using System.Globalization;
using System.Net;
using System.Net.Sockets;
using LlmService.LoopbackHub;
using Microsoft.AspNetCore.Http;

namespace LlmService.Hub;

/// <summary>Rough weather, scenario by scenario (D63 to D88 of the protocol's checklist). Every test asserts on what the ports recorded.</summary>
public sealed class WeatherScenarioTests : HubTest
{
    private const int Third = 100_000;

    private static readonly string Rest = $"bytes={Third}-";

    private RecordedRequest[] Heads => [.. Server.Hub.Requests.Where(request => request.Method == "HEAD")];

    [Fact]
    public async Task D63_QuotaUsedUp_WaitsForTheWindowAndASecond()
    {
        Server.Hub.Weather = OnHead(Weather.Status(429, ("RateLimit", "\"resolvers\";r=0;t=7"), ("RateLimit-Policy", "\"fixed window\";\"resolvers\";q=3000;w=300")));
        using HubClient client = Client(Good);

        AssertPublished(await DownloadAsync(client));

        Assert.Equal([TimeSpan.FromSeconds(8)], Clock.Waits);
        Assert.Equal(2, Heads.Length);
    }

    [Fact]
    public async Task D63_QuotaUsedUp_HoldsAllConnectionsBackAndLetsThemGoOneByOne()
    {
        Server.Hub.Weather = Weather.Where("HEAD", "/resolve/", Weather.InTurn(Enumerable.Repeat(Weather.Status(429, ("RateLimit", "\"resolvers\";r=0;t=7")), 4).ToArray()));
        using HubClient client = Client(Good);
        ModelRepository opened = await client.OpenAsync(Id(Public), "main", Cancel);

        await opened.DownloadAsync([.. Files.Keys], null, Cancel);

        Assert.Equal(TimeSpan.FromSeconds(8), Clock.Waits.First());
        Assert.Equal(8, Heads.Count(request => request.Target.Contains("/resolve/", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task D64_RefusedWithQuotaLeft_WaitsAsRetryAfterSays()
    {
        Server.Hub.Weather = OnHead(Weather.Status(429, ("RateLimit", "\"resolvers\";r=120;t=200"), ("Retry-After", "2")));
        using HubClient client = Client(Good);

        AssertPublished(await DownloadAsync(client));

        Assert.Equal([TimeSpan.FromSeconds(3)], Clock.Waits);
    }

    [Theory]
    [InlineData(429)]
    [InlineData(503)]
    public async Task D65_RetryAfterAsADate_WaitsUntilThen(int status)
    {
        Server.Hub.Weather = OnHead(Weather.Status(status, ("Retry-After", Clock.GetUtcNow().AddSeconds(3).ToString("R", CultureInfo.InvariantCulture))));
        using HubClient client = Client(Good);

        AssertPublished(await DownloadAsync(client));

        Assert.Equal([TimeSpan.FromSeconds(3)], Clock.Waits);
    }

    [Theory]
    [InlineData("RateLimit", "\"resolvers\";r=0;t=100", 101)]
    [InlineData("Retry-After", "3600", 3601)]
    public async Task D65_LongWait_IsAnsweredWithTheTime(string header, string value, int seconds)
    {
        Server.Hub.Weather = Weather.Where("HEAD", "/resolve/", Weather.Always(Weather.Status(429, (header, value))));
        using HubClient client = Client(Good);

        HubException failure = await FailureAsync(() => DownloadAsync(client));

        Assert.Equal(HubDiagnosis.RateLimited, failure.Diagnosis);
        Assert.Equal(TimeSpan.FromSeconds(seconds), failure.RetryAfter);
        Assert.Empty(Clock.Waits);
        Assert.Single(Heads);
    }

    [Fact]
    public async Task D65_ShortWaitsAgainAndAgain_AreBoundedByAMinute()
    {
        Server.Hub.Weather = Weather.Where("HEAD", "/resolve/", Weather.Always(Weather.Status(429, ("Retry-After", "40"))));
        using HubClient client = Client(Good);

        HubException failure = await FailureAsync(() => DownloadAsync(client));

        Assert.Equal(HubDiagnosis.RateLimited, failure.Diagnosis);
        Assert.Equal([TimeSpan.FromSeconds(41)], Clock.Waits);
    }

    [Theory]
    [InlineData(408)]
    [InlineData(500)]
    [InlineData(502)]
    [InlineData(503)]
    [InlineData(504)]
    public async Task D66_TroubleTwice_IsRetriedOnBothHosts(int status)
    {
        Func<HttpContext, Task> trouble = Weather.Text(status, "text/html", "<h1>Trouble</h1>");
        Server.Hub.Weather = OnHead(trouble, trouble);
        Server.Cdn.Weather = Weather.InTurn(trouble, trouble);
        using HubClient client = Client(Good);

        AssertPublished(await DownloadAsync(client));

        Assert.Equal(3, Heads.Length);
        Assert.Equal(3, Server.Cdn.Requests.Count);
        Assert.All(Clock.Waits, wait => Assert.InRange(wait.TotalSeconds, 0.5, 20));
    }

    [Fact]
    public async Task D66_TroubleForEver_IsAClearFailureUnlessCached()
    {
        using HubClient client = Client(Good);
        await DownloadAsync(client);
        Server.Hub.Weather = Weather.Always(Weather.Status(503));

        ModelRepository opened = await client.OpenAsync(Id(Public), "main", Cancel);
        AssertPublished(await opened.DownloadAsync([Large], null, Cancel));
        HubException failure = await FailureAsync(() => client.OpenAsync(Id("acme/private"), "main", Cancel));

        Assert.Equal(HubDiagnosis.HubUnavailable, failure.Diagnosis);
        Assert.Equal(503, failure.Status);
        Assert.Single(Server.Cdn.Requests);
    }

    [Fact]
    public async Task D67_SignatureExpired_IsRenewedAndContinuedAtTheSameByte()
    {
        Server.Cdn.Weather = Weather.InTurn(Weather.CutAt(Weights, Third), SignatureExpired());
        using HubClient client = Client(Good);

        AssertPublished(await DownloadAsync(client));

        Assert.Equal([null, Rest, Rest], Ranges);
        Assert.Equal(2, Heads.Length);
        Assert.All(Heads, head => Assert.True(head.HasAuthorization));
    }

    [Fact]
    public async Task D68_SignatureAlwaysRefused_EndsAndIsNotAMissingPermission()
    {
        Server.Cdn.Weather = Weather.Always(SignatureExpired());
        using HubClient client = Client(Good);

        HubException failure = await FailureAsync(() => DownloadAsync(client));

        Assert.Equal(HubDiagnosis.SignedUrlExpired, failure.Diagnosis);
        Assert.Equal(5, Server.Cdn.Requests.Count);
        Assert.Equal(5, Heads.Length);
        AssertNothingPublished();
    }

    [Fact]
    public async Task D69_RangeIgnored_TakesTheWholeAnswer()
    {
        Server.Cdn.Weather = Weather.InTurn(Weather.CutAt(Weights, Third), Weather.Whole(Weights));
        using HubClient client = Client(Good);

        AssertPublished(await DownloadAsync(client));

        Assert.Equal([null, Rest], Ranges);
    }

    [Theory]
    [InlineData("bytes 99999-299999/300000")]
    [InlineData("bytes 100000-300000/300001")]
    public async Task D70_WrongContentRange_IsDiscarded(string range)
    {
        Server.Cdn.Weather = Weather.InTurn(Weather.CutAt(Weights, Third), Weather.Status(206, ("Content-Range", range)));
        using HubClient client = Client(Good);

        AssertPublished(await DownloadAsync(client));

        Assert.Equal([null, Rest, null], Ranges);
    }

    [Fact]
    public async Task D71_NotSatisfiableBecauseAllIsThere_IsNotEvenAsked()
    {
        await LeavePartialAsync(Weights);
        using HubClient client = Client(Good);

        AssertPublished(await DownloadAsync(client));

        Assert.Empty(Server.Cdn.Requests);
    }

    [Fact]
    public async Task D71_MoreThanAllIsThere_StartsOver()
    {
        await LeavePartialAsync([.. Weights, 1, 2, 3]);
        using HubClient client = Client(Good);

        AssertPublished(await DownloadAsync(client));

        Assert.Equal([null], Ranges);
    }

    [Fact]
    public async Task D71_NotSatisfiableInTheMiddle_StartsOver()
    {
        await LeavePartialAsync(Weights[..Third]);
        Server.Cdn.Weather = Weather.InTurn(Weather.Status(416, ("Content-Range", $"bytes */{Weights.Length}")));
        using HubClient client = Client(Good);

        AssertPublished(await DownloadAsync(client));

        Assert.Equal([Rest, null], Ranges);
    }

    [Fact]
    public async Task D72_CutAtAThird_IsContinued()
    {
        Server.Cdn.Weather = Weather.InTurn(Weather.CutAt(Weights, Third));
        using HubClient client = Client(Good);

        AssertPublished(await DownloadAsync(client));

        Assert.Equal([null, Rest], Ranges);
        Assert.Single(Heads);
    }

    [Fact]
    public async Task D72_CutWithoutANewByteForEver_EndsAndKeepsWhatCame()
    {
        Server.Cdn.Weather = Weather.Always(Weather.CutAt(Weights, Third));
        using HubClient client = Client(Good);

        HubException failure = await FailureAsync(() => DownloadAsync(client));

        Assert.Equal(HubDiagnosis.HubUnavailable, failure.Diagnosis);
        Assert.Equal([null, Rest, Rest, Rest, Rest, Rest], Ranges);
        Assert.Equal(Third, new FileInfo(Partial).Length);
    }

    [Fact(Timeout = 60_000)]
    public async Task D73_Stall_IsCutAndContinued()
    {
        Server.Cdn.Weather = Weather.InTurn(Weather.MuteAt(Weights, Third));
        using var client = new HubClient(Options(Good) with { DownloadTimeout = TimeSpan.FromMilliseconds(300) });

        AssertPublished(await DownloadAsync(client, cancel: TestContext.Current.CancellationToken));

        Assert.Equal([null, Rest], Ranges);
    }

    [Fact(Timeout = 60_000)]
    public async Task D73_StallForEver_EndsWithinAMinuteOfSilence()
    {
        Server.Cdn.Weather = Weather.Always(Weather.MuteAt(Weights, Third));
        using var client = new HubClient(Options(Good) with { DownloadTimeout = TimeSpan.FromMilliseconds(300) });

        HubException failure = await FailureAsync(() => DownloadAsync(client, cancel: TestContext.Current.CancellationToken));

        Assert.Equal(HubDiagnosis.HubUnavailable, failure.Diagnosis);
        Assert.Equal([null, Rest, Rest, Rest, Rest, Rest], Ranges);
        Assert.True(Clock.GetTimestamp() < TimeSpan.FromSeconds(60).Ticks);
    }

    [Theory]
    [InlineData(5)]
    [InlineData(-5)]
    public async Task D74_OtherLengthWithACorrectEnd_IsRefusedOrCompleted(int more)
    {
        byte[] other = more > 0 ? [.. Weights, .. new byte[more]] : Weights[..^-more];
        Server.Cdn.Weather = Weather.InTurn(Weather.Chunked(other));
        using HubClient client = Client(Good);

        AssertPublished(await DownloadAsync(client));

        Assert.Equal(more > 0 ? [null, null] : [null, $"bytes={other.Length}-"], Ranges);
    }

    [Fact]
    public async Task D74_TooLongForEver_IsCorrupt()
    {
        Server.Cdn.Weather = Weather.Always(Weather.Chunked([.. Weights, 1, 2, 3, 4, 5]));
        using HubClient client = Client(Good);

        HubException failure = await FailureAsync(() => DownloadAsync(client));

        Assert.Equal(HubDiagnosis.CorruptDownload, failure.Diagnosis);
        Assert.Equal(2, Server.Cdn.Requests.Count);
        AssertNothingPublished();
    }

    [Fact]
    public async Task ApiAnswerThatBreaksOff_IsAskedForAgain()
    {
        Task Half(HttpContext context)
        {
            context.Response.ContentType = "application/json";
            context.Response.ContentLength = 1000;
            return context.Response.WriteAsync("[{");
        }
        Server.Hub.Weather = Weather.Where("GET", "/tree/", Weather.InTurn(Half, Half));
        using HubClient client = Client();

        AssertPublished(await DownloadAsync(client));
    }

    [Fact]
    public async Task Branches_ThatTookEachOthersName_AreBothPulled()
    {
        string refs = Path.Combine(Cache, "models--acme--tiny", "refs");
        Directory.CreateDirectory(refs);
        await File.WriteAllTextAsync(Path.Combine(refs, "main"), new string('a', 40), Cancel);
        await using LoopbackHubServer other = await LoopbackHubServer.StartAsync([new Repository(Public, Files) { Tags = ["main/x"] }]);
        using var client = new HubClient(Options() with { Endpoint = new Uri(other.Hub.Address) });

        foreach (string revision in new[] { "main/x", "main" })
        {
            ModelRepository repository = await client.OpenAsync(Id(Public), revision, Cancel);
            await repository.DownloadAsync([Large], null, Cancel);
            Assert.Equal(repository.Commit, await File.ReadAllTextAsync(Path.Combine([refs, .. revision.Split('/')]), Cancel));
        }
    }

    [Fact]
    public async Task MirrorWithTagsOfItsOwn_IsHeldToTheListing()
    {
        Server.Hub.Weather = Weather.Where("HEAD", "/resolve/", Weather.Always(context => Weather.Status(302,
            ("X-Repo-Commit", context.Request.Path.Value!.Split('/')[4]),
            ("ETag", "\"5f3a-1234\""),
            ("Location", $"{Server.Cdn.Address}/xet-bridge-us/{Public}/{Large}"))(context)));
        using HubClient client = Client();

        AssertPublished(await DownloadAsync(client));
    }

    [Fact]
    public async Task D75_FlippedByte_PublishesNothing()
    {
        byte[] flipped = [.. Weights];
        flipped[Third] ^= 1;
        Server.Cdn.Weather = Weather.Always(Weather.Whole(flipped));
        using HubClient client = Client(Good);

        HubException failure = await FailureAsync(() => DownloadAsync(client));

        Assert.Equal(HubDiagnosis.CorruptDownload, failure.Diagnosis);
        Assert.Equal([null, null], Ranges);
        AssertNothingPublished();
        Assert.Empty(Directory.GetFiles(Blobs));
    }

    [Fact]
    public async Task D76_FileChangedBeforeTheResume_ThrowsThePartAway()
    {
        Server.Cdn.Weather = Weather.InTurn(Weather.CutAt(Weights, Third), SignatureExpired());
        Server.Hub.Weather = Weather.Where("HEAD", "/resolve/", Weather.InTurn(null, context => Weather.Status(
            302,
            ("X-Repo-Commit", context.Request.Path.Value!.Split('/')[4]),
            ("X-Linked-ETag", $"\"{new string('c', 64)}\""),
            ("Location", Server.Cdn.Address + "/other"))(context)));
        using HubClient client = Client(Good);

        HubException failure = await FailureAsync(() => DownloadAsync(client));

        Assert.Equal(HubDiagnosis.CorruptDownload, failure.Diagnosis);
        Assert.False(File.Exists(Partial));
        Assert.DoesNotContain(Server.Cdn.Requests, request => request.Target == "/other");
        AssertNothingPublished();
    }

    [Fact]
    public async Task D77_NoCommit_IsNotTheHub()
    {
        Server.Hub.Weather = Weather.Where("HEAD", "/resolve/", Weather.Always(Weather.Text(200, "text/html", "<title>Sign in</title>")));
        using HubClient client = Client(Good);

        HubException failure = await FailureAsync(() => DownloadAsync(client));

        Assert.Equal(HubDiagnosis.NotTheHub, failure.Diagnosis);
        Assert.Single(Heads);
        Assert.Empty(Server.Cdn.Requests);
        AssertNothingPublished();
    }

    [Fact]
    public async Task D77_PageInPlaceOfTheApi_IsDescribed()
    {
        Server.Hub.Weather = Weather.Always(Weather.Text(200, "text/html", "<html><head><TITLE lang='en'>Sign in to\nAcmeNet</TITLE>"));
        using HubClient client = Client();

        HubException failure = await FailureAsync(() => client.OpenAsync(Id(Public), "main", Cancel));

        Assert.Equal(HubDiagnosis.NotTheHub, failure.Diagnosis);
        Assert.Contains($"({Server.Hub.Address} answered 200 with text/html, a page titled 'Sign in to AcmeNet')", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ContentHost_PageInPlaceOfTheFile_IsToldOfThatHost()
    {
        Server.Cdn.Weather = Weather.Always(Weather.Text(200, "text/html", "<title>Blocked by policy</title>"));
        using HubClient client = Client();

        HubException failure = await FailureAsync(() => DownloadAsync(client));

        Assert.Equal((HubDiagnosis.NotTheHub, Server.Cdn.Address), (failure.Diagnosis, failure.Host));
        Assert.Contains("Blocked by policy", failure.Message, StringComparison.Ordinal);
        Assert.Contains("cas-bridge.xethub.hf.co", failure.Remedy, StringComparison.Ordinal);
        AssertNothingPublished();
    }

    [Fact]
    public async Task ContentHost_ThatIsDown_IsNamed()
    {
        Server.Hub.Weather = Weather.Where("HEAD", "/resolve/", Weather.Always(context => Weather.Status(302,
            ("X-Repo-Commit", context.Request.Path.Value!.Split('/')[4]),
            ("X-Linked-ETag", $"\"{Content.Sha256}\""),
            ("Location", "http://127.0.0.1:1/x"))(context)));
        using HubClient client = Client();

        HubException failure = await FailureAsync(() => DownloadAsync(client));

        Assert.Equal((HubDiagnosis.Blocked, "http://127.0.0.1:1"), (failure.Diagnosis, failure.Host));
        Assert.StartsWith("http://127.0.0.1:1, from which the Hub sends", failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task D78_EndlessRedirects_AreBounded(bool loop)
    {
        int hop = 0;
        Server.Hub.Weather = Weather.Where("HEAD", "/", Weather.Always(Weather.Redirect(307, _ => $"/{Public}/resolve/main/{(loop ? hop++ % 2 : hop++)}")));
        using HubClient client = Client(Good);

        HubException failure = await FailureAsync(() => DownloadAsync(client));

        Assert.Equal(HubDiagnosis.NotTheHub, failure.Diagnosis);
        Assert.Equal(loop ? 3 : 11, Heads.Length);
        Assert.Empty(Server.Cdn.Requests);
    }

    [Theory]
    [InlineData("HEAD")]
    [InlineData("GET")]
    public async Task D78_TwoHostsThatRedirectToEachOther_AreBounded(string method)
    {
        int hop = 0;
        Server.Cdn.Weather = Weather.Always(Weather.Redirect(302, _ => $"{Server.Evil.Address}/{hop++}"));
        Server.Evil.Weather = Weather.Always(Weather.Redirect(302, _ => $"{Server.Cdn.Address}/{hop++}"));
        if (method == "HEAD")
            Server.Hub.Weather = Weather.Where("GET", "/revision/", Weather.Always(Weather.Redirect(302, _ => $"{Server.Evil.Address}/{hop++}")));
        using HubClient client = Client(Good);

        HubException failure = await FailureAsync(() => DownloadAsync(client));

        Assert.Equal(HubDiagnosis.NotTheHub, failure.Diagnosis);
        Assert.InRange(Server.Evil.Requests.Count + Server.Cdn.Requests.Count, 10, 11);
    }

    [Fact]
    public async Task D79_ToEvilAndBack_TheTokenStaysAtTheHub()
    {
        string back = $"/api/models/{Public}/revision/main?back=1";
        Server.Hub.Weather = Weather.InTurn(Weather.Redirect(302, _ => Server.Evil.Address + "/trap"));
        Server.Evil.Weather = Weather.Always(Weather.Redirect(302, _ => Server.Hub.Address + back));
        using HubClient client = Client(Good);

        AssertPublished(await DownloadAsync(client));

        Assert.True(Server.Hub.Requests.First().HasAuthorization);
        Assert.False(Assert.Single(Server.Hub.Requests, request => request.Target == back).HasAuthorization);
        Assert.False(Assert.Single(Server.Evil.Requests).HasAuthorization);
    }

    [Fact]
    public async Task D80_SameHostOtherPort_GetsNoToken()
    {
        Server.Hub.Weather = Weather.Where("GET", "/revision/", Weather.InTurn(Weather.Redirect(302, _ => Server.Evil.Address + "/port")));
        using HubClient client = Client(Good);

        HubException failure = await FailureAsync(() => client.OpenAsync(Id(Public), "main", Cancel));

        Assert.Equal(HubDiagnosis.NotFound, failure.Diagnosis);
        Assert.False(Assert.Single(Server.Evil.Requests).HasAuthorization);
    }

    [Fact]
    public async Task D81_LocalhostToItsAddress_GetsNoToken()
    {
        Server.Hub.Weather = async context =>
        {
            if (context.Request.Host.Host != "localhost")
                return false;
            await Weather.Redirect(307, c => Server.Hub.Address + c.Request.Path + c.Request.QueryString)(context);
            return true;
        };
        var endpoint = new UriBuilder(Server.Hub.Address) { Host = "localhost" };
        using var client = new HubClient(Options(Good) with { Endpoint = endpoint.Uri });

        await client.OpenAsync(Id(Public), "main", Cancel);

        RecordedRequest[] requests = [.. Server.Hub.Requests];
        Assert.True(requests[0].HasAuthorization);
        Assert.False(requests[1].HasAuthorization);
    }

    [Fact]
    public async Task D82_HttpsToHttp_IsRefused()
    {
        using var handler = new Scripted(_ => new HttpResponseMessage(HttpStatusCode.Found) { Headers = { Location = new Uri(Server.Evil.Address + "/plain") } });
        using var client = new HubClient(Options(Good) with { Endpoint = new Uri("https://hub.example") }, handler);

        HubException failure = await FailureAsync(() => client.OpenAsync(Id(Public), "main", Cancel));

        Assert.Equal(HubDiagnosis.NotTheHub, failure.Diagnosis);
        Assert.Equal(1, handler.Count);
        Assert.Empty(Server.Evil.Requests);
    }

    [Fact]
    public async Task D83_Mirror_ServesFilesAndSendsCallsOn()
    {
        using var client = new HubClient(Options(Good) with { Endpoint = new Uri(Server.Mirror.Address) });
        ModelRepository opened = await client.OpenAsync(Id(Public), "main", Cancel);

        string folder = await opened.DownloadAsync([.. Files.Keys], null, Cancel);

        Assert.All(Files, file => Assert.Equal(file.Value.Bytes, File.ReadAllBytes(Path.Combine(folder, file.Key))));
        // The endpoint is the mirror, so the token is the mirror's and never the Hub's behind it.
        Assert.All(Server.Mirror.Requests, request => Assert.True(request.HasAuthorization));
        Assert.All(Server.Hub.Requests, request => Assert.False(request.HasAuthorization));
        Assert.Contains(Server.Mirror.Requests, request => request.Target.Contains("cursor=2", StringComparison.Ordinal));
    }

    [Fact]
    public async Task D83_HubSendsToAMirror_TheMirrorGetsNoToken()
    {
        Server.Hub.Weather = Weather.Where("GET", "/revision/", Weather.InTurn(Weather.Redirect(302, _ => Server.Mirror.Address + $"/api/models/{Public}/revision/main?mirrored=1")));
        using HubClient client = Client(Good);

        AssertPublished(await DownloadAsync(client));

        Assert.False(Assert.Single(Server.Mirror.Requests).HasAuthorization);
    }

    [Fact]
    public async Task D83_MirrorWithoutTheFile_SaysThatTheEndpointDoesNotKnowIt()
    {
        Server.Mirror.Weather = Weather.Where("HEAD", "/resolve/", Weather.Always(Weather.Status(404)));
        using var client = new HubClient(Options() with { Endpoint = new Uri(Server.Mirror.Address) });

        HubException failure = await FailureAsync(() => DownloadAsync(client));

        Assert.Equal(HubDiagnosis.NotFound, failure.Diagnosis);
        Assert.Contains(Server.Mirror.Address, failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task D84_Warning_IsShownOnce()
    {
        Server.Hub.Weather = context =>
        {
            context.Response.Headers.Append("X-HF-Warning", "quota; You are near your quota.");
            context.Response.Headers.Append("X-HF-Warning", $"quota; Near it, {Good}");
            context.Response.Headers.Append("X-HF-Warning", $"other; A token {Good} in a header");
            return Task.FromResult(false);
        };
        var warnings = new Warned();
        using var client = new HubClient(Options(Good) with { Warnings = warnings });

        AssertPublished(await DownloadAsync(client));

        Assert.Equal(["You are near your quota.", "A token [token] in a header"], warnings.Lines);
    }

    [Fact]
    public async Task D85_OddHeaders_AreAccepted()
    {
        Server.Hub.Weather = Weather.Where("HEAD", "/resolve/", Weather.Always(context => Weather.Status(
            302,
            ("x-repo-commit", context.Request.Path.Value!.Split('/')[4]),
            ("x-linked-etag", "  " + Content.Sha256 + "  "),
            ("x-linked-size", " " + Weights.Length + " "),
            ("location", $"{Server.Cdn.Address}/xet-bridge-us/{Public}/{Large}"))(context)));
        using HubClient client = Client(Good);

        AssertPublished(await DownloadAsync(client));

        Assert.Equal([null], Ranges);
    }

    [Fact(Timeout = 60_000)]
    public async Task D86_NothingListens_CostsItsTriesOnceAndNotForEveryModel()
    {
        using var unused = new TcpListener(IPAddress.Loopback, 0);
        unused.Start();
        var endpoint = new Uri($"http://{unused.LocalEndpoint}");
        unused.Stop();
        using var client = new HubClient(Options(Good) with { Endpoint = endpoint });

        foreach (string id in new[] { "acme/one", "acme/two", "acme/three" })
        {
            HubException failure = await FailureAsync(() => client.OpenAsync(Id(id), "main", TestContext.Current.CancellationToken));
            Assert.Equal(HubDiagnosis.Blocked, failure.Diagnosis);
            Assert.Equal(id, failure.Repository);
        }

        Assert.Single(Clock.Waits);
        AssertNoRequests();
    }

    [Fact(Timeout = 60_000)]
    public async Task D86_MuteListener_CostsItsTimeOutsOnce()
    {
        using var mute = new TcpListener(IPAddress.Loopback, 0);
        mute.Start();
        using var client = new HubClient(Options(Good) with { Endpoint = new Uri($"http://{mute.LocalEndpoint}"), MetadataTimeout = TimeSpan.FromMilliseconds(300) });

        foreach (string id in new[] { "acme/one", "acme/two" })
            Assert.Equal(HubDiagnosis.Blocked, (await FailureAsync(() => client.OpenAsync(Id(id), "main", TestContext.Current.CancellationToken))).Diagnosis);

        Assert.Single(Clock.Waits);
        AssertNoRequests();
    }

    [Fact]
    public async Task D86_ContentHostIsDead_TheMessageNamesIt()
    {
        using var unused = new TcpListener(IPAddress.Loopback, 0);
        unused.Start();
        string dead = $"http://{unused.LocalEndpoint}";
        unused.Stop();
        Server.Hub.Weather = Weather.Where("HEAD", "/resolve/", Weather.Always(context => Weather.Status(
            302, ("X-Repo-Commit", context.Request.Path.Value!.Split('/')[4]), ("X-Linked-ETag", $"\"{Content.Sha256}\""), ("Location", dead + "/file"))(context)));
        using HubClient client = Client(Good);

        HubException failure = await FailureAsync(() => DownloadAsync(client));

        Assert.Equal(HubDiagnosis.Blocked, failure.Diagnosis);
        Assert.Contains(dead, failure.Message, StringComparison.Ordinal);
        Assert.Single(Heads);
    }

    [Fact]
    public async Task D86_NameThatDoesNotResolve_IsOffline()
    {
        using var handler = new Scripted(_ => throw new HttpRequestException(HttpRequestError.NameResolutionError, "no such host"));
        using var client = new HubClient(Options(Good) with { Endpoint = new Uri("https://hub.invalid") }, handler);

        HubException failure = await FailureAsync(() => client.OpenAsync(Id(Public), "main", Cancel));

        Assert.Equal(HubDiagnosis.Offline, failure.Diagnosis);
        Assert.Equal(2, handler.Count);
    }

    [Fact]
    public async Task D87_OfflineSwitch_OpensNoConnection()
    {
        using HubClient online = Client(Good);
        await DownloadAsync(online);
        RecordedRequest[] before = All;
        using var handler = new Scripted(_ => throw new InvalidOperationException("a socket was to be opened"));
        using var client = new HubClient(Options(Good) with { Offline = true }, handler);

        AssertPublished(await DownloadAsync(client));
        HubException missing = await FailureAsync(() => client.OpenAsync(Id("acme/policy"), "main", Cancel));

        Assert.Equal(HubDiagnosis.OfflineMode, missing.Diagnosis);
        Assert.Equal(0, handler.Count);
        Assert.Equal(before.Length, All.Length);
    }

    [Fact]
    public async Task D88_NoRateHeaders_IsNoReasonToStop()
    {
        Server.Hub.Weather = context =>
        {
            context.Response.OnStarting(() =>
            {
                context.Response.Headers.Remove("RateLimit");
                context.Response.Headers.Remove("RateLimit-Policy");
                return Task.CompletedTask;
            });
            return Task.FromResult(false);
        };
        using HubClient client = Client(Good);

        AssertPublished(await DownloadAsync(client));

        Assert.Empty(Clock.Waits);
    }

    private static Func<HttpContext, Task<bool>> OnHead(params Func<HttpContext, Task>?[] answers) =>
        Weather.Where("HEAD", "/resolve/", Weather.InTurn(answers));

    private static Func<HttpContext, Task> SignatureExpired() =>
        Weather.Text(403, "application/xml", "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>");

    private RecordedRequest[] All =>
        [.. Server.Hub.Requests, .. Server.Cdn.Requests, .. Server.Evil.Requests, .. Server.Mirror.Requests, .. Server.Cas.Requests];

    private void AssertNoRequests() => Assert.Empty(All);

    private async Task LeavePartialAsync(byte[] bytes)
    {
        Directory.CreateDirectory(Blobs);
        await File.WriteAllBytesAsync(Partial, bytes, Cancel);
    }

    private sealed class Warned : IProgress<string>
    {
        public List<string> Lines { get; } = [];

        public void Report(string value) => Lines.Add(value);
    }

    private sealed class Scripted(Func<HttpRequestMessage, HttpResponseMessage> answer) : HttpMessageHandler
    {
        private int _count;

        public int Count => _count;

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            Interlocked.Increment(ref _count);
            return Task.FromResult(answer(request));
        }
    }
}
