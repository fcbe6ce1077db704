using System.Text;
using LlmService.LoopbackHub;

namespace LlmService.Hub;

public sealed class HubClientTests : IDisposable
{
    private static readonly string Good = string.Concat("h", "f_", new string('g', 34));
    private static readonly string Bad = string.Concat("h", "f_", new string('b', 34));

    private readonly string _cache = Directory.CreateTempSubdirectory("hub-tests-").FullName;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_cache, recursive: true);

    [Theory]
    [InlineData(null)]
    [InlineData("good")]
    [InlineData("bad")]
    public async Task DownloadAsync_PublicRepository_FillsStandardCacheAndKeepsTokenAtHub(string? kind)
    {
        await using LoopbackHubServer server = await StartAsync();
        using HubClient client = Client(server, kind switch { "good" => Good, "bad" => Bad, _ => null });

        ModelRepository opened = await client.OpenAsync(Id("acme/tiny"), "main", Cancel);
        string folder = await opened.DownloadAsync([.. opened.Files.Select(f => f.Path)], null, Cancel);

        Assert.Equal(4, opened.Files.Count);
        Assert.Equal(kind == "bad", opened.TokenRefused);
        Assert.Equal("{}", await File.ReadAllTextAsync(Path.Combine(folder, "config.json"), Cancel));
        Assert.Equal("../../../../blobs/" + opened.Files.Single(f => f.Path == "sub/dir/part.gguf").Sha256, new FileInfo(Path.Combine(folder, "sub/dir/part.gguf")).LinkTarget);
        string repository = Path.Combine(_cache, "models--acme--tiny");
        Assert.Equal(opened.Commit, await File.ReadAllTextAsync(Path.Combine(repository, "refs", "main"), Cancel));
        Assert.DoesNotContain(Directory.GetFiles(Path.Combine(repository, "blobs")), f => f.EndsWith(".incomplete", StringComparison.Ordinal));
        Assert.NotEmpty(server.Cdn.Requests);
        Assert.All(server.Cdn.Requests, r => Assert.False(r.HasAuthorization || r.HasCookie));
        Assert.Empty(server.Evil.Requests);
    }

    [Theory]
    [InlineData("acme/none", null, HubDiagnosis.NotFoundOrPrivate)]
    [InlineData("acme/none", "good", HubDiagnosis.NotFoundForAccount)]
    [InlineData("acme/none", "bad", HubDiagnosis.TokenInvalid)]
    [InlineData("acme/gated", null, HubDiagnosis.GatedNeedsLogin)]
    [InlineData("acme/gated", "good", HubDiagnosis.GatedNotRequested)]
    [InlineData("acme/gated", "bad", HubDiagnosis.TokenInvalid)]
    public async Task OpenAsync_Refusal_NamesTheDiagnosis(string id, string? kind, HubDiagnosis expected)
    {
        await using LoopbackHubServer server = await StartAsync();
        using HubClient client = Client(server, kind switch { "good" => Good, "bad" => Bad, _ => null });

        HubException failure = await Assert.ThrowsAsync<HubException>(() => client.OpenAsync(Id(id), "main", Cancel));

        Assert.Equal(expected, failure.Diagnosis);
        Assert.DoesNotContain(Bad, failure.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task DownloadAsync_FlippedByte_PublishesNothing()
    {
        await using LoopbackHubServer server = await StartAsync();
        server.Cdn.Weather = async context => { await context.Response.Body.WriteAsync(new byte[5000]); return true; };
        using HubClient client = Client(server, null);
        ModelRepository opened = await client.OpenAsync(Id("acme/tiny"), "main", Cancel);

        HubException failure = await Assert.ThrowsAsync<HubException>(() => opened.DownloadAsync(["model.safetensors"], null, Cancel));

        Assert.Equal(HubDiagnosis.CorruptDownload, failure.Diagnosis);
        Assert.False(Directory.Exists(opened.SnapshotFolder));
    }

    [Fact]
    public async Task OpenAsync_OfflineAfterDownload_OpensNoConnection()
    {
        await using LoopbackHubServer server = await StartAsync();
        using (HubClient online = Client(server, null))
            await (await online.OpenAsync(Id("acme/tiny"), "main", Cancel)).DownloadAsync(["config.json"], null, Cancel);
        server.Hub.Requests.Clear();
        using var offline = new HubClient(new HubOptions { CacheFolder = _cache, Endpoint = new Uri(server.Hub.Address), Offline = true });

        ModelRepository opened = await offline.OpenAsync(Id("acme/tiny"), "main", Cancel);
        await opened.DownloadAsync(["config.json"], null, Cancel);
        HubException failure = await Assert.ThrowsAsync<HubException>(() => opened.DownloadAsync(["model.safetensors"], null, Cancel));

        Assert.True(opened.FromCacheOnly);
        Assert.Equal(HubDiagnosis.OfflineMode, failure.Diagnosis);
        Assert.Empty(server.Hub.Requests);
    }

    private static async Task<LoopbackHubServer> StartAsync()
    {
        byte[] weights = new byte[5000];
        weights.AsSpan().Fill(7);
        var files = new Dictionary<string, RepositoryContent>
        {
            ["config.json"] = RepositoryContent.Of(Encoding.UTF8.GetBytes("{}"), isLfs: false),
            ["empty #%ü.txt"] = RepositoryContent.Of([], isLfs: false),
            ["model.safetensors"] = RepositoryContent.Of(weights, isLfs: true),
            ["sub/dir/part.gguf"] = RepositoryContent.Of([1, 2, 3], isLfs: true),
        };
        LoopbackHubServer server = await LoopbackHubServer.StartAsync(
        [
            new Repository("acme/tiny", files) { PageSize = 2 },
            new Repository("acme/gated", files) { Gated = true, AnonymousRefusal = "gatedAnonymous", TokenRefusal = "gatedNotRequested" },
        ]);
        server.Tokens[Good] = null;
        return server;
    }

    private HubClient Client(LoopbackHubServer server, string? token) => new(new HubOptions
    {
        CacheFolder = _cache,
        Endpoint = new Uri(server.Hub.Address),
        Token = token is null ? null : new HubToken(token, "test"),
    });

    private static RepoId Id(string text) => RepoId.TryParse(text, out RepoId id) ? id : throw new ArgumentException(text);
}
