using LlmService.LoopbackHub;

namespace LlmService.Hub;

/// <summary>Scenarios of refused files: each on the HEAD of a download, on the GET of a small file and on the listing.</summary>
public sealed class RefusalScenarioTests : HubTest
{
    public static TheoryData<string, string?, HubDiagnosis> Refusals => new()
    {
        { "anonymous", null, HubDiagnosis.NotFoundOrPrivate },
        { "repoNotFound", "good", HubDiagnosis.NotFoundForAccount },
        { "gatedAnonymous", null, HubDiagnosis.GatedNeedsLogin },
        { "gatedAnonymous", "bad", HubDiagnosis.TokenInvalid },
        { "gatedAnonymous", "good", HubDiagnosis.GatedOtherAccount },
        { "gatedNotRequested", "good", HubDiagnosis.GatedNotRequested },
        { "gatedPending", "good", HubDiagnosis.GatedPending },
        { "gatedRejected", "good", HubDiagnosis.GatedRejected },
        { "gatedReset", "good", HubDiagnosis.GatedReset },
        { "gatedScope", "good", HubDiagnosis.TokenLacksGatedPermission },
        { "gatedRegion", "good", HubDiagnosis.RegionBlocked },
        { "policy", "good", HubDiagnosis.OrgTokenPolicy },
        { "disabled", null, HubDiagnosis.RepoDisabled },
        { "disabled", "good", HubDiagnosis.RepoDisabled },
        { "badToken", "bad", HubDiagnosis.TokenInvalid },
        { "expiredToken", "expired", HubDiagnosis.TokenExpired },
        { "entryNotFound", "good", HubDiagnosis.EntryNotFound },
        { "revisionNotFound", "good", HubDiagnosis.RevisionNotFound },
    };

    [Theory]
    [MemberData(nameof(Refusals))]
    public async Task Download_Refused_NamesTheReasonAndMovesNothing(string answer, string? kind, HubDiagnosis expected)
    {
        ModelRepository opened = await OpenThenRefuseAsync(kind, "HEAD", "/resolve/", answer);

        HubException failure = await FailureAsync(() => opened.DownloadAsync([Large], null, Cancel));

        AssertExplained(failure, expected);
        AssertNothingPublished();
    }

    [Theory]
    [MemberData(nameof(Refusals))]
    public async Task SmallFile_Refused_NamesTheReason(string answer, string? kind, HubDiagnosis expected)
    {
        ModelRepository opened = await OpenThenRefuseAsync(kind, "GET", "/resolve/", answer);

        HubException failure = await FailureAsync(() => opened.ReadAsync("config.json", 100, Cancel));

        AssertExplained(failure, expected);
    }

    [Theory]
    [MemberData(nameof(Refusals))]
    public async Task Listing_Refused_NamesTheReason(string answer, string? kind, HubDiagnosis expected)
    {
        Server.Hub.Weather = Weather.Where("GET", "/tree/", Weather.Always(context => LoopbackHubServer.RefuseAsync(context, answer, Public, "main")));
        using HubClient client = Client(TokenOf(kind));

        HubException failure = await FailureAsync(() => client.OpenAsync(Id(Public), "main", Cancel));

        AssertExplained(failure, expected);
    }

    [Fact]
    public async Task PrivateModel_ForAStranger_IsLikeOneThatDoesNotExist()
    {
        // The double knows a repository that this token does not open; the answer is the same byte for byte.
        Server.Hub.Weather = Weather.Where("GET", "/api/models/acme/private", Weather.Always(context => LoopbackHubServer.RefuseAsync(context, "repoNotFound")));
        using HubClient client = Client(Good);

        HubException hidden = await FailureAsync(() => client.OpenAsync(Id("acme/private"), "main", Cancel));
        HubException missing = await FailureAsync(() => client.OpenAsync(Id("acme/none"), "main", Cancel));

        Assert.Equal(missing.Diagnosis, hidden.Diagnosis);
        Assert.Equal(missing.Message.Replace("acme/none", "", StringComparison.Ordinal), hidden.Message.Replace("acme/private", "", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("acme/gated-pending")]
    [InlineData("acme/private")]
    public async Task DeadToken_BehindItAPageThatEverybodySees_IsUnauthorizedAllTheSame(string id)
    {
        using HubClient client = Client(Bad);

        HubException failure = await FailureAsync(() => client.OpenAsync(Id(id), "main", Cancel));

        Assert.Equal(HubDiagnosis.TokenInvalid, failure.Diagnosis);
        Assert.Equal("test", failure.TokenSource);
    }

    [Theory]
    [InlineData("acme/region-net", "gatedNotRequested", HubDiagnosis.GatedNotRequested)]
    [InlineData("acme/rejected-reset", "gatedPending", HubDiagnosis.GatedPending)]
    [InlineData("acme/reset-policy", "gatedRejected", HubDiagnosis.GatedRejected)]
    public async Task Gate_WhoseModelIsNamedLikeAnotherReason_IsNotMistaken(string id, string answer, HubDiagnosis expected)
    {
        Server.Hub.Weather = Weather.Where("GET", "/api/models/", Weather.Always(context => LoopbackHubServer.RefuseAsync(context, answer, id)));
        using HubClient client = Client(Good);

        HubException failure = await FailureAsync(() => client.OpenAsync(Id(id), "main", Cancel));

        Assert.Equal(expected, failure.Diagnosis);
    }

    [Fact]
    public async Task MissingFile_OfAGatedModel_IsTheGateAndNotTheFile()
    {
        using HubClient client = Client(Good);

        HubException failure = await FailureAsync(() => client.OpenAsync(Id("acme/gated-not-requested"), "main", Cancel));

        Assert.Equal(HubDiagnosis.GatedNotRequested, failure.Diagnosis);
    }

    [Fact]
    public void EveryDiagnosis_HasItsExplanation()
    {
        foreach (HubDiagnosis diagnosis in Enum.GetValues<HubDiagnosis>())
        {
            var failure = new HubException(diagnosis, new HubFacts { Repository = "a/b", Detail = "why", ServerMessage = "no" });
            // What is said of a bundle is told by those who found it.
            Assert.EndsWith((diagnosis == HubDiagnosis.BadBundle ? "why" : "(why)") + " The Hub said: \"no\".", failure.Message, StringComparison.Ordinal);
            Assert.NotEmpty(failure.Remedy);
        }
    }

    private async Task<ModelRepository> OpenThenRefuseAsync(string? kind, string method, string path, string answer)
    {
        Server.Hub.Weather = Weather.Where(method, path, Weather.Always(context => LoopbackHubServer.RefuseAsync(context, answer, Public, "main")));
        return await Client(TokenOf(kind)).OpenAsync(Id(Public), "main", Cancel);
    }

    private void AssertExplained(HubException failure, HubDiagnosis expected)
    {
        Assert.Equal(expected, failure.Diagnosis);
        Assert.Contains(Public, failure.Message, StringComparison.Ordinal);
        Assert.NotEmpty(failure.Remedy);
        Assert.Empty(Server.Cdn.Requests);
        Assert.Empty(Server.Evil.Requests);
    }
}
