using LlmService.LoopbackHub;

namespace LlmService.Hub;

public sealed class RefusalTests : HubTest
{
    [Theory]
    [InlineData("acme/none", null, HubDiagnosis.NotFoundOrPrivate)]
    [InlineData("acme/none", "good", HubDiagnosis.NotFoundForAccount)]
    [InlineData("acme/none", "bad", HubDiagnosis.TokenInvalid)]
    [InlineData("acme/none", "expired", HubDiagnosis.TokenExpired)]
    [InlineData("none", null, HubDiagnosis.NotFoundOrPrivate)]
    [InlineData("acme/private", null, HubDiagnosis.NotFoundOrPrivate)]
    [InlineData("acme/private", "bad", HubDiagnosis.TokenInvalid)]
    [InlineData("acme/gated-not-requested", null, HubDiagnosis.GatedNeedsLogin)]
    [InlineData("acme/gated-not-requested", "good", HubDiagnosis.GatedNotRequested)]
    [InlineData("acme/gated-not-requested", "bad", HubDiagnosis.TokenInvalid)]
    [InlineData("acme/gated-not-requested", "expired", HubDiagnosis.TokenExpired)]
    [InlineData("acme/gated-pending", "good", HubDiagnosis.GatedPending)]
    [InlineData("acme/gated-rejected", "good", HubDiagnosis.GatedRejected)]
    [InlineData("acme/gated-reset", "good", HubDiagnosis.GatedReset)]
    [InlineData("acme/gated-scope", "good", HubDiagnosis.TokenLacksGatedPermission)]
    [InlineData("acme/gated-region", "good", HubDiagnosis.RegionBlocked)]
    [InlineData("acme/policy", "good", HubDiagnosis.OrgTokenPolicy)]
    [InlineData("acme/forbidden", "good", HubDiagnosis.Forbidden)]
    [InlineData("acme/off", null, HubDiagnosis.RepoDisabled)]
    [InlineData("acme/off", "good", HubDiagnosis.RepoDisabled)]
    public async Task OpenAsync_Refused_NamesTheDiagnosis(string id, string? kind, HubDiagnosis expected)
    {
        using HubClient client = Client(TokenOf(kind));

        HubException failure = await FailureAsync(() => client.OpenAsync(Id(id), "main", Cancel));

        Assert.Equal(expected, failure.Diagnosis);
        Assert.Equal(id, failure.Repository);
        Assert.Empty(Server.Cdn.Requests);
        Assert.Empty(Clock.Waits);
    }

    [Theory]
    [InlineData("bad")]
    [InlineData("expired")]
    public async Task OpenAsync_DeadTokenOnPublicRepository_GoesOnWithoutIt(string kind)
    {
        using HubClient client = Client(TokenOf(kind));

        ModelRepository opened = await client.OpenAsync(Id(Public), "main", Cancel);
        await opened.DownloadAsync([Large], null, Cancel);

        Assert.NotNull(opened.RefusedToken);
        Assert.Equal(1, Server.Hub.Requests.Count(request => request.HasAuthorization));
    }

    [Fact]
    public async Task OpenAsync_FineGrainedTokenWithoutTheRepository_AsksWhoAmIOnce()
    {
        Server.Role = "fineGrained";
        using HubClient client = Client(Good);

        HubException first = await FailureAsync(() => client.OpenAsync(Id("acme/forbidden"), "main", Cancel));
        HubException second = await FailureAsync(() => client.OpenAsync(Id("acme/forbidden"), "main", Cancel));

        Assert.Equal(HubDiagnosis.TokenLacksScope, first.Diagnosis);
        Assert.Equal(HubDiagnosis.TokenLacksScope, second.Diagnosis);
        Assert.Equal("alice", first.Account);
        Assert.Single(Server.Hub.Requests, request => request.Target == "/api/whoami-v2");
    }

    [Theory]
    [InlineData(200, HubDiagnosis.GatedOtherAccount)]
    [InlineData(401, HubDiagnosis.TokenInvalid)]
    [InlineData(429, HubDiagnosis.GatedOrTokenInvalid)]
    public async Task OpenAsync_GatedLikeForAnonymousCallers_WhoAmIDecides(int whoAmI, HubDiagnosis expected)
    {
        Server.Hub.Weather = async context =>
        {
            if (context.Request.Path != "/api/whoami-v2")
                await LoopbackHubServer.RefuseAsync(context, "gatedAnonymous", Public);
            else if (whoAmI != 200)
                context.Response.StatusCode = whoAmI;
            return context.Request.Path != "/api/whoami-v2" || whoAmI != 200;
        };
        using HubClient client = Client(Good);

        HubException failure = await FailureAsync(() => client.OpenAsync(Id(Public), "main", Cancel));

        Assert.Equal(expected, failure.Diagnosis);
    }

    [Fact]
    public async Task OpenAsync_UnknownRevision_IsRevisionNotFound()
    {
        using HubClient client = Client();

        HubException failure = await FailureAsync(() => client.OpenAsync(Id(Public), "nope", Cancel));

        Assert.Equal(HubDiagnosis.RevisionNotFound, failure.Diagnosis);
        Assert.Equal("nope", failure.Revision);
        Assert.Equal("Invalid rev id: nope", failure.ServerMessage);
        Assert.StartsWith("Root=1-0badcafe-000000000000000000000001;", failure.RequestId, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("../main")]
    [InlineData("a//b")]
    [InlineData("a\\b")]
    public async Task OpenAsync_RevisionThatIsNoPath_IsRefusedWithoutNetwork(string revision)
    {
        using HubClient client = Client();

        HubException failure = await FailureAsync(() => client.OpenAsync(Id(Public), revision, Cancel));

        Assert.Equal(HubDiagnosis.RevisionNotFound, failure.Diagnosis);
        Assert.Empty(Server.Hub.Requests);
    }

    [Fact]
    public async Task DownloadAsync_FileOutsideTheListing_IsEntryNotFound()
    {
        using HubClient client = Client();
        ModelRepository opened = await client.OpenAsync(Id(Public), "main", Cancel);

        HubException failure = await FailureAsync(() => opened.DownloadAsync(["none.bin"], null, Cancel));

        Assert.Equal(HubDiagnosis.EntryNotFound, failure.Diagnosis);
        Assert.Equal("none.bin", failure.File);
    }

    [Fact]
    public async Task DownloadAsync_FileThatTheHubNoLongerHas_IsEntryNotFound()
    {
        Server.Hub.Weather = Weather.Where("HEAD", "/resolve/", Weather.Always(context => LoopbackHubServer.RefuseAsync(context, "entryNotFound")));
        using HubClient client = Client();

        HubException failure = await FailureAsync(() => DownloadAsync(client));

        Assert.Equal(HubDiagnosis.EntryNotFound, failure.Diagnosis);
        AssertNothingPublished();
    }

    [Theory]
    [InlineData("../evil.txt")]
    [InlineData("a/../../evil.txt")]
    [InlineData("/etc/evil")]
    [InlineData("a\\\\..\\\\evil")]
    [InlineData("C:/evil")]
    [InlineData("./a")]
    [InlineData("nul.txt")]
    [InlineData("dot.")]
    [InlineData("runs/12:30:01/events")]
    public async Task OpenAsync_ListingWithUnsafePath_LeavesItOut(string path)
    {
        string listing = $$"""[{"type":"file","path":"{{path}}","oid":"{{new string('a', 40)}}","size":1},{"type":"file","path":"good","oid":"{{new string('b', 40)}}","size":1}]""";
        Server.Hub.Weather = Weather.Where("GET", "/tree/", Weather.Always(Weather.Text(200, "application/json", listing)));
        using HubClient client = Client();

        ModelRepository opened = await client.OpenAsync(Id(Public), "main", Cancel);

        Assert.Equal("good", Assert.Single(opened.Files).Path);
        HubException failure = await FailureAsync(() => opened.DownloadAsync([path.Replace("\\\\", "\\", StringComparison.Ordinal)], null, Cancel));
        Assert.Equal(HubDiagnosis.EntryNotFound, failure.Diagnosis);
        Assert.Empty(Directory.GetFileSystemEntries(Cache));
    }

    [Fact]
    public async Task OpenAsync_ServerEchoesTheToken_ItIsMasked()
    {
        Server.Hub.Weather = Weather.Always(Weather.Status(403, ("X-Error-Message", $"The bearer {Good} is not welcome"), ("X-Request-Id", $"id-{Good}")));
        using HubClient client = Client(Good);

        HubException failure = await FailureAsync(() => client.OpenAsync(Id(Public), "main", Cancel));

        Assert.Equal("The bearer [token] is not welcome", failure.ServerMessage);
        Assert.Equal("test", failure.TokenSource);
    }
}
