namespace LlmService.Hub;

public sealed class HubClientTests : HubTest
{
    [Theory]
    [InlineData(null)]
    [InlineData("good")]
    [InlineData("bad")]
    public async Task DownloadAsync_PublicRepository_FillsStandardCacheAndKeepsTokenAtHub(string? kind)
    {
        using HubClient client = Client(TokenOf(kind));

        ModelRepository opened = await client.OpenAsync(Id(Public), "main", Cancel);
        string folder = await opened.DownloadAsync([.. opened.Files.Select(f => f.Path)], null, Cancel);

        Assert.Equal(4, opened.Files.Count);
        Assert.Equal(kind == "bad", opened.RefusedToken is not null);
        Assert.Equal("{}", await File.ReadAllTextAsync(Path.Combine(folder, "config.json"), Cancel));
        Assert.Equal("../../../../blobs/" + opened.Files.Single(f => f.Path == "sub/dir/part.gguf").Sha256, new FileInfo(Path.Combine(folder, "sub/dir/part.gguf")).LinkTarget);
        Assert.Equal(opened.Commit, await File.ReadAllTextAsync(Path.Combine(Cache, "models--acme--tiny", "refs", "main"), Cancel));
        Assert.DoesNotContain(Directory.GetFiles(Blobs), f => f.EndsWith(".incomplete", StringComparison.Ordinal));
        Assert.NotEmpty(Server.Cdn.Requests);
        Assert.Empty(Server.Evil.Requests);
    }

    [Fact]
    public async Task DownloadAsync_Progress_EndsAtTheSumOfTheFiles()
    {
        using HubClient client = Client();
        ModelRepository opened = await client.OpenAsync(Id(Public), "main", Cancel);
        var progress = new RecordedProgress();

        await opened.DownloadAsync([.. opened.Files.Select(f => f.Path)], progress, Cancel);

        DownloadProgress last = progress.Reports[^1];
        Assert.Equal(Weights.Length + 5, last.TotalBytesReceived);
        Assert.Equal(last.TotalSizeBytes, last.TotalBytesReceived);
        Assert.Equal(progress.Reports.OrderBy(r => r.TotalBytesReceived), progress.Reports);
    }

    [Theory]
    [InlineData("gpt2", true)]
    [InlineData("owner/name", true)]
    [InlineData("Owner-1/na_me.v2", true)]
    [InlineData("a/b/c", false)]
    [InlineData("", false)]
    [InlineData("/", false)]
    [InlineData("..", false)]
    [InlineData("a/..", false)]
    [InlineData("a--b/c", false)]
    [InlineData("-a/b", false)]
    [InlineData("a/b.", false)]
    [InlineData("a/b.git", false)]
    [InlineData("a b", false)]
    [InlineData("a/b?x", false)]
    public void TryParse_FollowsTheHubsRules(string text, bool expected) => Assert.Equal(expected, RepoId.TryParse(text, out _));

    private sealed class RecordedProgress : IProgress<DownloadProgress>
    {
        public List<DownloadProgress> Reports { get; } = [];

        public void Report(DownloadProgress value) => Reports.Add(value);
    }
}
