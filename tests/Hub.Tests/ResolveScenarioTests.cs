using System.Net;
using LlmService.LoopbackHub;

namespace LlmService.Hub;

/// <summary>The good answers to file addresses, scenario by scenario (D31 to D43 of the protocol's checklist).</summary>
public sealed class ResolveScenarioTests : HubTest
{
    private const string Config = "config.json";

    private static readonly string GitId = Files[Config].GitId;

    [Fact]
    public async Task D31_HeadOnAGitFile_FollowsTheRelativeRedirectWithItsQuery()
    {
        string commit = await PullAsync(Public, Config, Good);

        Assert.Equal(
            [
                $"HEAD /{Public}/resolve/{commit}/{Config}",
                $"HEAD /api/resolve-cache/models/{Public}/{commit}/{Config}?%2Facme%2Ftiny%2Fresolve%2F{commit}%2F{Config}=&etag=%22{GitId}%22",
            ],
            FileRequests.Take(2).Select(request => $"{request.Method} {request.Target}"));
    }

    [Fact]
    public async Task D32_CachedGitFile_IsFetchedFromWhereItLiesWithTheToken()
    {
        string commit = await PullAsync(Public, Config, Good);

        RecordedRequest get = Assert.Single(FileRequests, request => request.Method == "GET");
        Assert.StartsWith($"/api/resolve-cache/models/{Public}/{commit}/{Config}?", get.Target, StringComparison.Ordinal);
        Assert.True(get.HasAuthorization);
        Assert.Equal(HttpStatusCode.NotFound, (await AskAsync($"/api/resolve-cache/models/{Public}/{commit}/{Config}")).StatusCode);
        Assert.Equal([GitId], BlobNames(Public));
    }

    [Fact]
    public async Task D33_Compression_IsNeverAskedFor()
    {
        await PullAsync(Public, Config, null);
        await PullAsync(Public, Large, null);

        Assert.All([.. Server.Hub.Requests, .. Server.Cdn.Requests], request => Assert.Equal("identity", request.Headers["Accept-Encoding"]));
        // Whoever does ask for it gets a weak tag, no length and other bytes.
        HttpResponseMessage gzip = await AskAsync(Server.Hub.Requests.Last(request => request.Target.Contains("resolve-cache", StringComparison.Ordinal)).Target, "Accept-Encoding", "gzip");
        Assert.Equal("gzip", Assert.Single(gzip.Content.Headers.ContentEncoding));
        Assert.True(gzip.Headers.ETag!.IsWeak);
    }

    [Fact]
    public async Task D34_HeadOnALargeFile_TakesSizeAndTagFromTheRedirectItself()
    {
        await PullAsync("acme/xet", Large, Good);

        RecordedRequest head = Assert.Single(FileRequests);
        Assert.Equal("HEAD", head.Method);
        Assert.True(head.HasAuthorization);
        Assert.Equal([Content.Sha256], BlobNames("acme/xet"));
        HttpResponseMessage redirect = await AskAsync(head.Target);
        Assert.Equal(1311, redirect.Content.Headers.ContentLength);
    }

    [Fact]
    public async Task D35_ContentHost_TagThatLooksLikeASha256IsNotTakenForOne()
    {
        await PullAsync(Public, Large, Good);

        RecordedRequest get = Assert.Single(Server.Cdn.Requests);
        Assert.Null(get.Range);
        Assert.False(get.HasAuthorization);
        Assert.Equal([Content.Sha256], BlobNames(Public));
    }

    [Fact]
    public async Task D36_ContentHost_GivesTheTail()
    {
        Directory.CreateDirectory(Blobs);
        await File.WriteAllBytesAsync(Partial, Weights.AsMemory(0, 1234), Cancel);

        await PullAsync(Public, Large, Good);

        Assert.Equal(["bytes=1234-"], Ranges);
    }

    [Fact]
    public async Task D37_GatedGitFileWithAccess_ComesAtOnce()
    {
        await PullAsync("acme/gated", Config, Good);

        Assert.Equal(["HEAD", "GET"], FileRequests.Select(request => request.Method));
        Assert.All(FileRequests, request => Assert.True(request.HasAuthorization));
        Assert.DoesNotContain(FileRequests, request => request.Target.Contains("resolve-cache", StringComparison.Ordinal));
        Assert.Equal([GitId], BlobNames("acme/gated"));
    }

    [Theory]
    [InlineData("README.md")]
    [InlineData("LICENSE")]
    public async Task D38_OpenFilesOfAGate_ProveNothing(string file)
    {
        using HubClient client = Client();

        HubException failure = await FailureAsync(() => client.OpenAsync(Id("acme/gated"), "main", Cancel));

        Assert.Equal(HubDiagnosis.GatedNeedsLogin, failure.Diagnosis);
        Assert.Equal(HttpStatusCode.OK, (await AskAsync($"/acme/gated/resolve/main/{file}")).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await AskAsync($"/acme/gated/resolve/main/{Config}")).StatusCode);
        Assert.Empty(Server.Cdn.Requests);
    }

    [Fact]
    public async Task D39_UnchangedFile_IsNotAskedForAgain()
    {
        string commit = await PullAsync(Public, Config, Good);
        int asked = FileRequests.Length;

        await PullAsync(Public, Config, Good);

        Assert.Equal(asked, FileRequests.Length);
        HttpResponseMessage unchanged = await AskAsync($"/{Public}/resolve/{commit}/{Config}", "If-None-Match", $"\"{GitId}\"");
        Assert.Equal(HttpStatusCode.NotModified, unchanged.StatusCode);
    }

    [Fact]
    public async Task D40_RenamedRepository_TokenIsThereOnTheSecondHop()
    {
        Server.Renames["acme/old"] = "acme/private";
        using HubClient client = Client(Good);

        ModelRepository opened = await client.OpenAsync(Id("acme/old"), "main", Cancel);
        await opened.DownloadAsync([Config], null, Cancel);

        RecordedRequest[] info = [.. Server.Hub.Requests.Take(2)];
        Assert.Equal(["/api/models/acme/old/revision/main", "/api/models/acme/private/revision/main"], info.Select(request => request.Target));
        Assert.All(Server.Hub.Requests, request => Assert.True(request.HasAuthorization));
        Assert.Equal([GitId], BlobNames("acme/old"));
    }

    [Fact]
    public async Task D41_EmptyFile_IsEmpty()
    {
        await PullAsync(Public, "empty #%ü.txt", Good);

        Assert.Equal(["e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"], BlobNames(Public));
        Assert.Empty(Server.Cdn.Requests);
    }

    [Fact]
    public async Task D42_FileInfoOfXet_IsNotAskedFor()
    {
        await PullAsync("acme/xet", Large, Good);

        Assert.All(FileRequests, request => Assert.False(request.Headers.ContainsKey("Accept")));
        HttpResponseMessage info = await AskAsync(FileRequests[0].Target, "Accept", "application/vnd.xet-fileinfo+json, */*");
        Assert.Equal("application/vnd.xet-fileinfo+json", info.Content.Headers.ContentType!.MediaType);
        Assert.Equal($"\"{Content.Sha256}\"", info.Headers.GetValues("X-Linked-ETag").Single());
        Assert.Empty(Server.Cas.Requests);
    }

    [Theory]
    [InlineData(Public)]
    [InlineData("acme/xet")]
    public async Task D43_WithOrWithoutXet_TheContentHostServes(string id)
    {
        await PullAsync(id, Large, Good);

        Assert.Single(Server.Cdn.Requests);
        Assert.Empty(Server.Cas.Requests);
        Assert.Equal([Content.Sha256], BlobNames(id));
    }

    private RecordedRequest[] FileRequests =>
        [.. Server.Hub.Requests.Where(request => request.Target.Contains("/resolve", StringComparison.Ordinal))];

    private IEnumerable<string?> BlobNames(string id) =>
        Directory.GetFiles(Path.Combine(Cache, Id(id).CacheFolderName, "blobs")).Select(Path.GetFileName);

    private async Task<string> PullAsync(string id, string file, string? token)
    {
        using HubClient client = Client(token);
        ModelRepository opened = await client.OpenAsync(Id(id), "main", Cancel);
        string folder = await opened.DownloadAsync([file], null, Cancel);
        Assert.Equal(Files[file].Bytes, await File.ReadAllBytesAsync(Path.Combine(folder, file), Cancel));
        return opened.Commit;
    }

    /// <summary>Asks the double as another client would.</summary>
    private async Task<HttpResponseMessage> AskAsync(string target, string? header = null, string? value = null)
    {
        using var http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false });
        using var request = new HttpRequestMessage(HttpMethod.Get, Server.Hub.Address + target);
        if (header is not null)
            request.Headers.TryAddWithoutValidation(header, value);
        HttpResponseMessage response = await http.SendAsync(request, Cancel);
        if (response.StatusCode == HttpStatusCode.TemporaryRedirect)
            return await AskAsync(response.Headers.Location!.OriginalString, header, value);
        return response;
    }
}
