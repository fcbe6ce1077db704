namespace LlmService.Hub;

public sealed class CacheTests : HubTest
{
    private string LockPath => Path.Combine(Cache, ".locks", "models--acme--tiny", Content.Sha256 + ".lock");

    [Fact]
    public async Task DownloadAsync_TwoClientsAtOnce_BothSucceed()
    {
        using HubClient one = Client(Good);
        using HubClient other = Client(Good);

        await Task.WhenAll(AllAsync(one), AllAsync(other));

        string[] expected = [.. Files.Values.Select(file => file.IsLfs ? file.Sha256 : file.GitId).Order(StringComparer.Ordinal)];
        Assert.Equal(expected, Directory.GetFiles(Blobs).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal));

        async Task AllAsync(HubClient client)
        {
            ModelRepository opened = await client.OpenAsync(Id(Public), "main", Cancel);
            string folder = await opened.DownloadAsync([.. Files.Keys], null, Cancel);
            foreach ((string path, LoopbackHub.RepositoryContent content) in Files)
                Assert.Equal(content.Bytes, await File.ReadAllBytesAsync(Path.Combine(folder, path), Cancel));
        }
    }

    [Fact]
    public async Task DownloadAsync_LockHeldByAHungProcess_GoesOnAfterAMinute()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(LockPath)!);
        Directory.CreateDirectory(Blobs);
        await File.WriteAllBytesAsync(Partial, Weights.AsMemory(0, 1000), Cancel);
        using var held = new FileStream(LockPath, FileMode.Create, FileAccess.ReadWrite, FileShare.None);
        using HubClient client = Client();

        string folder = await DownloadAsync(client);

        Assert.Equal(Weights, await File.ReadAllBytesAsync(Path.Combine(folder, Large), Cancel));
        Assert.InRange(Clock.GetTimestamp(), TimeSpan.FromSeconds(60).Ticks, TimeSpan.FromSeconds(61).Ticks);
        // The holder's partial file stays as it was; ours is gone.
        Assert.Equal(1000, new FileInfo(Partial).Length);
        Assert.Equal(2, Directory.GetFiles(Blobs).Length);
    }

    [Fact]
    public async Task AcquireAsync_HolderGetsOn_IsWaitedForLongerThanAMinute()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(LockPath)!);
        var held = new FileStream(LockPath, FileMode.Create, FileAccess.ReadWrite, FileShare.None);
        long arrived = 0;

        using FileStream? own = await CacheLock.AcquireAsync(LockPath, Progress, Clock, Cancel);

        Assert.NotNull(own);
        Assert.True(Clock.GetTimestamp() > TimeSpan.FromSeconds(90).Ticks);

        long Progress()
        {
            if (++arrived == 1000)
                held.Dispose();
            return arrived;
        }
    }

    [Fact]
    public async Task DownloadAsync_BlobIsCachedAlready_NeedsNoByte()
    {
        using HubClient client = Client();
        string folder = await DownloadAsync(client);
        Directory.Delete(folder, recursive: true);
        Server.Cdn.Requests.Clear();

        AssertPublished(await DownloadAsync(client));

        Assert.Empty(Server.Cdn.Requests);
    }

    [Fact]
    public async Task DownloadAsync_SnapshotFileWithAnotherSize_IsReplaced()
    {
        using HubClient client = Client();
        string folder = await DownloadAsync(client);
        File.Delete(Path.Combine(folder, Large));
        await File.WriteAllTextAsync(Path.Combine(folder, Large), "half", Cancel);

        AssertPublished(await DownloadAsync(client));
    }

    [Fact]
    public void Link_LinksDoNotWork_MovesTheFile()
    {
        var cache = new HubCache(Cache, Id(Public), (_, _) => throw new UnauthorizedAccessException("no right to make links"));
        cache.Prepare();
        File.WriteAllBytes(cache.BlobPath("tag"), Weights);
        string commit = new('a', 40);

        cache.Link("tag", commit, "sub/model.bin");

        var file = new FileInfo(cache.SnapshotPath(commit, "sub/model.bin"));
        Assert.Null(file.LinkTarget);
        Assert.Equal(Weights, File.ReadAllBytes(file.FullName));
        Assert.Single(file.Directory!.GetFiles());
        Assert.False(File.Exists(cache.BlobPath("tag")));
    }

    [Fact]
    public async Task DownloadAsync_CacheFolderIsAFile_SaysSo()
    {
        string file = Path.Combine(Cache, "file");
        await File.WriteAllTextAsync(file, "", Cancel);
        using var client = new HubClient(Options(Good) with { CacheFolder = Path.Combine(file, "hub") });
        ModelRepository opened = await client.OpenAsync(Id(Public), "main", Cancel);

        HubException failure = await FailureAsync(() => opened.DownloadAsync([Large], null, Cancel));

        Assert.Equal(HubDiagnosis.CacheUnusable, failure.Diagnosis);
        Assert.StartsWith($"The cache folder '{Path.Combine(file, "hub")}' cannot be used", failure.Message, StringComparison.Ordinal);
        Assert.IsAssignableFrom<IOException>(failure.InnerException);
        Assert.Empty(Server.Cdn.Requests);
    }

    [Fact]
    public async Task DownloadAsync_NoRightToWrite_SaysSo()
    {
        // A folder in the place of a file is refused like a missing right, also to a superuser.
        Directory.CreateDirectory(LockPath);
        using HubClient client = Client(Good);

        HubException failure = await FailureAsync(() => DownloadAsync(client));

        Assert.Equal(HubDiagnosis.CacheUnusable, failure.Diagnosis);
        Assert.Contains(Cache, failure.Message, StringComparison.Ordinal);
        Assert.IsType<UnauthorizedAccessException>(failure.InnerException);
        AssertNothingPublished();
    }

    [Fact]
    public async Task DownloadAsync_CompleteCacheThatCannotBeWritten_Works()
    {
        using HubClient client = Client();
        await DownloadAsync(client);
        string trees = Path.Combine(Cache, "models--acme--tiny", "trees");
        Directory.Delete(trees, recursive: true);
        await File.WriteAllTextAsync(trees, "in the way", Cancel);

        AssertPublished(await DownloadAsync(client));
    }

    [Fact]
    public async Task OpenAsync_UnreadableReferenceWhileOffline_SaysSo()
    {
        using HubClient online = Client();
        string folder = await DownloadAsync(online);
        string reference = Path.Combine(Cache, "models--acme--tiny", "refs", "main");
        using var exclusive = new FileStream(reference, FileMode.Open, FileAccess.ReadWrite, FileShare.None);
        using var offline = new HubClient(Options() with { Offline = true });

        HubException failure = await FailureAsync(() => offline.OpenAsync(Id(Public), "main", Cancel));

        Assert.Equal(HubDiagnosis.CacheUnusable, failure.Diagnosis);
        Assert.True(Directory.Exists(folder));
    }

    [Fact]
    public async Task DownloadAsync_MoreThanTheDiskHolds_IsRefusedBeforeTheFirstByte()
    {
        string listing = $$"""[{"type":"file","path":"{{Large}}","oid":"{{Content.GitId}}","size":1,"lfs":{"oid":"{{Content.Sha256}}","size":{{1L << 60}} } }]""";
        Server.Hub.Weather = Weather.Where("GET", "/tree/", Weather.Always(Weather.Text(200, "application/json", listing)));
        using HubClient client = Client();

        HubException failure = await FailureAsync(() => DownloadAsync(client));

        Assert.Equal(HubDiagnosis.DiskFull, failure.Diagnosis);
        Assert.Empty(Server.Cdn.Requests);
    }

    [Fact]
    public void OfCache_DiskFull_IsNamedSo()
    {
        var full = new IOException("No space left on device", 28);
        var subject = new Subject(Id(Public), "main", Target.File);

        Assert.Equal(HubDiagnosis.DiskFull, Explanations.OfCache(Options(), subject, full).Diagnosis);
    }

    [Fact]
    public void MissingBytes_CountsWhatIsThereAlready()
    {
        var cache = new HubCache(Cache, Id(Public));
        cache.Prepare();
        Assert.Equal(300, cache.MissingBytes(null, 300));
        Assert.Equal(300, cache.MissingBytes("tag", 300));
        File.WriteAllBytes(cache.IncompletePath("tag"), new byte[100]);
        Assert.Equal(200, cache.MissingBytes("tag", 300));
        Assert.Equal(0, cache.MissingBytes("tag", 50));
        File.WriteAllBytes(cache.BlobPath("tag"), new byte[300]);
        Assert.Equal(0, cache.MissingBytes("tag", 300));
    }

    [Fact]
    public void FreeBytes_FolderDoesNotExist_IsThatOfTheDisk() =>
        Assert.True(new HubCache(Path.Combine(Cache, "none", "such"), Id(Public)).FreeBytes() > 0);
}
