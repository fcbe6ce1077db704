using Microsoft.AspNetCore.Http;

namespace LlmService.Hub;

/// <summary>Scenarios of model information, listings, revisions and the access check.</summary>
public sealed class MetadataScenarioTests : HubTest
{
    [Fact]
    public async Task Info_OfAPublicModel_SaysSoAndNamesTheCommit()
    {
        using HubClient client = Client();

        ModelRepository opened = await client.OpenAsync(Id(Public), "main", Cancel);

        Assert.Equal((false, null, "apache-2.0"), (opened.Card!.IsPrivate, opened.Card.Gate, opened.Card.Licence));
        Assert.Equal(40, opened.Commit.Length);
        Assert.Equal($"/api/models/{Public}/revision/main", Server.Hub.Requests.First().Target);
        AssertOnlyTheHubWasAsked();
    }

    [Theory]
    [InlineData("\"manual\"", "manual")]
    [InlineData("\"auto\"", "auto")]
    [InlineData("true", "manual")]
    [InlineData("false", null)]
    [InlineData("null", null)]
    [InlineData("7", null)]
    public async Task Info_GateInAnyForm_IsUnderstood(string gated, string? expected)
    {
        string info = $$"""{"id":"{{Public}}","sha":"{{new string('a', 40)}}","gated":{{gated}},"private":"odd","tags":5,"cardData":[1],"safetensors":{"parameters":{"BF16":12,"F32":"x"} } }""";
        Func<HttpContext, Task<bool>> revision = Weather.Where("GET", "/revision/", Weather.Always(Weather.Text(200, "application/json", info)));
        Func<HttpContext, Task<bool>> tree = Weather.Where("GET", "/tree/", Weather.Always(Weather.Text(200, "application/json", "[]")));
        Server.Hub.Weather = async context => await revision(context) || await tree(context);
        using HubClient client = Client();

        ModelRepository opened = await client.OpenAsync(Id(Public), "main", Cancel);

        Assert.Equal(expected, opened.Card!.Gate);
        Assert.Null(opened.Card.Licence);
        Assert.Equal(12, Assert.Single(opened.Card.ParameterCounts).Value);
    }

    [Fact]
    public async Task Info_OfADisabledModel_IsRefusedBeforeAnyFileIsAsked()
    {
        using HubClient client = Client();

        HubException failure = await FailureAsync(() => client.OpenAsync(Id("acme/down"), "main", Cancel));

        Assert.Equal(HubDiagnosis.RepoDisabled, failure.Diagnosis);
        Assert.Single(Server.Hub.Requests);
        AssertOnlyTheHubWasAsked();
    }

    [Theory]
    [InlineData("acme/old")]
    [InlineData("ACME/Tiny")]
    public async Task Info_OfARenamedModel_LeadsToItWithTheTokenOnEveryHop(string asked)
    {
        Server.Renames[asked] = Public;
        using HubClient client = Client(Good);

        ModelRepository opened = await client.OpenAsync(Id(asked), "main", Cancel);
        await opened.DownloadAsync([Large], null, Cancel);

        Assert.Equal(Public, opened.Id.Value);
        Assert.All(Server.Hub.Requests, request => Assert.True(request.HasAuthorization));
        Assert.All(Server.Cdn.Requests, request => Assert.False(request.HasAuthorization));
    }

    [Fact]
    public async Task Listing_OfSeveralPages_IsReadWhole()
    {
        using HubClient client = Client();

        ModelRepository opened = await client.OpenAsync(Id(Public), "main", Cancel);

        Assert.Equal(Files.Keys.Order(StringComparer.Ordinal), opened.Files.Select(file => file.Path));
        Assert.Equal(2, Server.Hub.Requests.Count(request => request.Target.Contains("/tree/", StringComparison.Ordinal)));
        AssertOnlyTheHubWasAsked();
    }

    [Fact]
    public async Task Listing_WhoseNextPageIsElsewhere_StaysOnTheEndpoint()
    {
        int pages = 0;
        Server.Hub.Weather = Weather.Where("GET", "/tree/", async context =>
        {
            if (pages++ > 0)
                return false;
            context.Response.Headers.Link = $"<{Server.Evil.Address}/api/models/{Public}/tree/main?recursive=true&cursor=2>; rel=\"next\"";
            await Weather.Text(200, "application/json", "[]")(context);
            return true;
        });
        using HubClient client = Client(Good);

        ModelRepository opened = await client.OpenAsync(Id(Public), "main", Cancel);

        Assert.NotEmpty(opened.Files);
        AssertOnlyTheHubWasAsked();
    }

    [Fact]
    public async Task Listing_WhosePagesGoRound_EndsWithAnError()
    {
        Server.Hub.Weather = Weather.Where("GET", "/tree/", async context =>
        {
            context.Response.Headers.Link = $"<{Server.Hub.Address}{context.Request.Path}?recursive=true&cursor=1>; rel=\"next\"";
            await Weather.Text(200, "application/json", "[]")(context);
            return true;
        });
        using HubClient client = Client();

        HubException failure = await FailureAsync(() => client.OpenAsync(Id(Public), "main", Cancel));

        Assert.Equal(HubDiagnosis.NotTheHub, failure.Diagnosis);
        Assert.Contains("do not end", failure.Message, StringComparison.Ordinal);
        Assert.Equal(3, Server.Hub.Requests.Count);
    }

    [Fact]
    public async Task Listing_OfAGatedModel_HasMaskedHashesThatAreNeverStored()
    {
        using HubClient client = Client(Good);

        HubException failure = await FailureAsync(() => client.OpenAsync(Id("acme/gated-pending"), "main", Cancel));

        Assert.Equal(HubDiagnosis.GatedPending, failure.Diagnosis);
        Assert.EndsWith("/auth-check", Server.Hub.Requests.Last().Target, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(Cache));
        AssertOnlyTheHubWasAsked();
    }

    [Fact]
    public async Task Revision_Unknown_NamesThoseThatExist()
    {
        using HubClient client = Client();

        HubException failure = await FailureAsync(() => client.OpenAsync(Id(Public), "nope", Cancel));

        Assert.Equal(HubDiagnosis.RevisionNotFound, failure.Diagnosis);
        Assert.Equal(["main", "v1"], failure.Revisions);
        Assert.Contains("It has 'main', 'v1'.", failure.Message, StringComparison.Ordinal);
        AssertOnlyTheHubWasAsked();
    }

    [Fact]
    public async Task Revision_UnknownAndListClosed_IsStillRevisionNotFound()
    {
        Server.Hub.Weather = Weather.Where("GET", "/refs", Weather.Always(Weather.Text(500, "text/html", "<p>no</p>")));
        using HubClient client = Client();

        HubException failure = await FailureAsync(() => client.OpenAsync(Id(Public), "nope", Cancel));

        Assert.Equal(HubDiagnosis.RevisionNotFound, failure.Diagnosis);
        Assert.Empty(failure.Revisions);
        Assert.Empty(Clock.Waits);
    }

    [Fact]
    public async Task Revision_Tag_IsACommit()
    {
        using HubClient client = Client();

        ModelRepository opened = await client.OpenAsync(Id(Public), "v1", Cancel);

        Assert.Equal(40, opened.Commit.Length);
    }

    [Theory]
    [InlineData(Public, null, null)]
    [InlineData("acme/gated-open", "good", null)]
    [InlineData("acme/gated-not-requested", null, HubDiagnosis.GatedNeedsLogin)]
    [InlineData("acme/gated-not-requested", "good", HubDiagnosis.GatedNotRequested)]
    [InlineData("acme/gated-rejected", "good", HubDiagnosis.GatedRejected)]
    [InlineData("acme/gated-scope", "good", HubDiagnosis.TokenLacksGatedPermission)]
    public async Task AccessCheck_TellsTheStateWithoutMovingAFile(string id, string? kind, HubDiagnosis? expected)
    {
        using HubClient client = Client(TokenOf(kind));

        Exception? failure = await Record.ExceptionAsync(async () =>
            await (await client.OpenAsync(Id(id), "main", Cancel)).CheckAccessAsync(Cancel));

        Assert.Equal(expected, (failure as HubException)?.Diagnosis);
        Assert.DoesNotContain(Server.Hub.Requests, request => request.Target.Contains("/resolve/", StringComparison.Ordinal));
        AssertOnlyTheHubWasAsked();
    }

    [Fact]
    public async Task AccessCheck_ThatAMirrorLacks_IsNoRefusal()
    {
        Server.Hub.Weather = Weather.Where("GET", "/auth-check", Weather.Always(Weather.Status(404)));
        using HubClient client = Client();
        ModelRepository opened = await client.OpenAsync(Id(Public), "main", Cancel);

        await opened.CheckAccessAsync(Cancel);
    }

    [Fact]
    public async Task SmallFile_IsReadAndTheCacheStaysEmpty()
    {
        using HubClient client = Client(Good);
        ModelRepository opened = await client.OpenAsync(Id(Public), "main", Cancel);

        Assert.Equal("{}"u8.ToArray(), await opened.ReadAsync("config.json", 100, Cancel));
        Assert.Equal([1, 2, 3], await opened.ReadAsync("sub/dir/part.gguf", 100, Cancel));
        Assert.Null(await opened.ReadAsync(Large, 100, Cancel));

        Assert.Empty(Directory.GetFileSystemEntries(Cache));
        Assert.All(Server.Cdn.Requests, request => Assert.False(request.HasAuthorization));
    }

    [Fact]
    public async Task SmallFile_Damaged_IsRefused()
    {
        Server.Hub.Weather = Weather.Where("GET", "/resolve-cache/", async context =>
        {
            context.Response.Headers["X-Repo-Commit"] = context.Request.Path.Value!.Split('/')[^2];
            await Weather.Text(200, "text/plain", "[]")(context);
            return true;
        });
        using HubClient client = Client();
        ModelRepository opened = await client.OpenAsync(Id(Public), "main", Cancel);

        HubException failure = await FailureAsync(() => opened.ReadAsync("config.json", 100, Cancel));

        Assert.Equal(HubDiagnosis.CorruptDownload, failure.Diagnosis);
    }

    [Fact]
    public async Task Token_IsDescribedOnce()
    {
        Server.Role = "fineGrained";
        using HubClient client = Client(Good);

        TokenReport? first = await client.DescribeTokenAsync(Id(Public), Cancel);
        TokenReport? second = await client.DescribeTokenAsync(Id(Public), Cancel);

        Assert.Equal(new TokenReport("test", true, "alice", "fineGrained", null), first);
        Assert.Equal(first, second);
        Assert.Single(Server.Hub.Requests);
    }

    [Theory]
    [InlineData("bad")]
    [InlineData("expired")]
    public async Task Token_ThatIsDead_IsNotAccepted(string kind)
    {
        using HubClient client = Client(TokenOf(kind));

        Assert.False((await client.DescribeTokenAsync(Id(Public), Cancel))!.IsAccepted);
    }

    private void AssertOnlyTheHubWasAsked()
    {
        Assert.Empty(Server.Cdn.Requests);
        Assert.Empty(Server.Evil.Requests);
    }
}
