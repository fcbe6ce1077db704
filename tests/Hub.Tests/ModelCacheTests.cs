using LlmService.Hub.Cache;

namespace LlmService.Hub;

public sealed class ModelCacheTests : HubTest
{
    private static readonly string Other = new('a', 40);

    private string Model => Path.Combine(Cache, "models--acme--tiny");

    private ModelCache Whole => new(Cache);

    [Fact]
    public void List_NoFolder_IsEmpty() => Assert.Empty(new ModelCache(Path.Combine(Cache, "none")).List());

    [Fact]
    public async Task List_TwoSnapshotsThatShareABlob_CountsItOnce()
    {
        string commit = await PullAsync();
        AddSnapshot(Other, "v1", own: 10);
        await File.WriteAllBytesAsync(Path.Combine(Blobs, "x.1234.incomplete"), new byte[7], Cancel);

        CachedModel model = Assert.Single(Whole.List());

        Assert.Equal(Public, model.Id.Value);
        Assert.Equal(Weights.Length + 2 + 10 + 7, model.SizeBytes);
        Assert.Equal(7, model.PartialBytes);
        Assert.Equal(new[] { Other, commit }.Order(StringComparer.Ordinal), model.Snapshots.Select(s => s.Commit));
        CachedSnapshot main = model.Snapshots.Single(s => s.Commit == commit);
        Assert.Equal(["main"], main.Revisions);
        Assert.Equal(["config.json", Large], main.Files.Select(f => f.Path));
        Assert.Equal(Weights.Length + 2, main.SizeBytes);
    }

    [Fact]
    public async Task PlanRemoval_OneRevision_LeavesWhatTheOtherUses()
    {
        string commit = await PullAsync();
        AddSnapshot(Other, "v1", own: 10);

        RemovedFromCache removed = Whole.PlanRemoval(Id(Public), "v1")!.Execute();

        Assert.Equal(10, removed.FreedBytes);
        Assert.Equal(commit, Assert.Single(Whole.Find(Id(Public))!.Snapshots).Commit);
        Assert.False(File.Exists(Path.Combine(Model, "refs", "v1")));
        Assert.Equal(Weights, await File.ReadAllBytesAsync(Path.Combine(Model, "snapshots", commit, Large), Cancel));
        Assert.Equal(2, Directory.GetFiles(Blobs).Length);
    }

    [Fact]
    public async Task PlanRemoval_LastRevision_LeavesNothing()
    {
        await PullAsync();

        CacheRemoval plan = Whole.PlanRemoval(Id(Public), "main")!;

        Assert.True(Directory.Exists(Model));
        Assert.Equal(Weights.Length + 2, plan.SizeBytes);
        Assert.Equal(plan.SizeBytes, plan.Execute().FreedBytes);
        Assert.False(Directory.Exists(Model));
        Assert.Null(Whole.PlanRemoval(Id(Public), null));
    }

    [Fact]
    public async Task PlanRemoval_NameOfACommitWithAnotherName_TakesTheNameOnly()
    {
        string commit = await PullAsync();
        await File.WriteAllTextAsync(Path.Combine(Model, "refs", "v1"), commit, Cancel);

        Assert.Equal(0, Whole.PlanRemoval(Id(Public), "v1")!.Execute().FreedBytes);

        Assert.Equal(["main"], Assert.Single(Whole.Find(Id(Public))!.Snapshots).Revisions);
        Assert.Null(Whole.PlanRemoval(Id(Public), "v1"));
    }

    [Fact]
    public async Task Execute_BlobIsBeingDownloaded_StaysAndIsTold()
    {
        await PullAsync();
        using FileStream? download = CacheLock.TryAcquire(new HubCache(Cache, Id(Public)).LockPath(Content.Sha256));

        RemovedFromCache removed = Whole.PlanRemoval(Id(Public), null)!.Execute();

        Assert.Equal(2, removed.FreedBytes);
        Assert.Equal([Content.Sha256], removed.InUse);
        Assert.Equal(Weights.Length, new FileInfo(Path.Combine(Blobs, Content.Sha256)).Length);
        Assert.Empty(Whole.Find(Id(Public))!.Snapshots);
    }

    [Fact]
    public async Task Execute_LinkOutOfTheCache_LeavesItsTarget()
    {
        string commit = await PullAsync();
        string outside = Path.Combine(Cache, "precious");
        await File.WriteAllTextAsync(outside, "precious", Cancel);
        File.CreateSymbolicLink(Path.Combine(Model, "snapshots", commit, "link"), "../../../precious");
        Directory.CreateSymbolicLink(Path.Combine(Model, "snapshots", commit, "folder"), Cache);

        Whole.PlanRemoval(Id(Public), null)!.Execute();

        Assert.True(File.Exists(outside));
        Assert.False(Directory.Exists(Model));
    }

    [Fact]
    public async Task PlanPrune_RemovesWhatNobodyNames()
    {
        string commit = await PullAsync();
        AddSnapshot(Other, null, own: 10);
        await File.WriteAllBytesAsync(Path.Combine(Blobs, new string('f', 64)), new byte[20], Cancel);
        await File.WriteAllBytesAsync(Path.Combine(Blobs, "e.incomplete"), new byte[30], Cancel);
        string open = Path.Combine(Blobs, "d.1.incomplete");
        using var writer = new FileStream(open, FileMode.Create, FileAccess.Write, FileShare.None);

        CacheRemoval plan = Whole.PlanPrune(TimeProvider.System);
        RemovedFromCache removed = plan.Execute();

        Assert.Equal(60, plan.SizeBytes);
        Assert.Equal(60, removed.FreedBytes);
        Assert.Equal(["d.1.incomplete"], removed.InUse);
        Assert.Equal(commit, Assert.Single(Whole.Find(Id(Public))!.Snapshots).Commit);
        Assert.True(File.Exists(open));
        writer.Dispose();
        Whole.PlanPrune(TimeProvider.System).Execute();
        Assert.Empty(Whole.PlanPrune(TimeProvider.System).Models);
    }

    [Fact]
    public async Task PlanPrune_SweepsUpWhatKilledProcessesLeft_OnceItIsOld()
    {
        await PullAsync();
        string[] left = [.. new[] { "1", "2", "3" }.Select(name => Path.Combine(Model, $".llm-service.{name}.tmp"))];
        await File.WriteAllBytesAsync(left[0], new byte[7], Cancel);
        File.CreateSymbolicLink(left[1], "blobs/gone");
        Directory.CreateDirectory(left[2]);
        await File.WriteAllBytesAsync(Path.Combine(left[2], "config.json"), new byte[5], Cancel);

        Assert.Equal(0, Whole.PlanPrune(TimeProvider.System).Execute().FreedBytes);
        Assert.All(left, path => Assert.True(Path.Exists(path) || new FileInfo(path).LinkTarget is not null));

        Assert.Equal(12, Whole.PlanPrune(new InstantClock(DateTimeOffset.UtcNow.AddDays(2))).Execute().FreedBytes);
        Assert.Empty(Directory.GetFileSystemEntries(Model, ".llm-service.*"));
    }

    [Fact]
    public async Task VerifyAsync_NamesWhatIsDamagedAndWhatIsMissing()
    {
        string commit = await PullAsync();
        await File.WriteAllBytesAsync(Path.Combine(Blobs, new string('f', 40)), new byte[20], Cancel);
        Assert.Equal([VerifiedStatus.Ok, VerifiedStatus.Ok, VerifiedStatus.Corrupt], await StatusesAsync(null));
        Assert.Equal([VerifiedStatus.Ok, VerifiedStatus.Ok], await StatusesAsync("main"));

        // One flipped byte; then one byte less, which the listing tells without hashing.
        byte[] flipped = [.. Weights];
        flipped[^1] ^= 1;
        string blob = Path.Combine(Blobs, Content.Sha256);
        await File.WriteAllBytesAsync(blob, flipped, Cancel);
        Assert.Equal([VerifiedStatus.Ok, VerifiedStatus.Corrupt], await StatusesAsync("main"));
        await File.WriteAllBytesAsync(blob, Weights[..^1], Cancel);
        Assert.Equal([VerifiedStatus.Ok, VerifiedStatus.Corrupt], await StatusesAsync(commit));
        File.Delete(blob);
        Assert.Equal([VerifiedStatus.Ok, VerifiedStatus.Missing], await StatusesAsync("main"));
        await Assert.ThrowsAsync<ArgumentException>(() => StatusesAsync("v2"));
    }

    [Fact]
    public async Task VerifyAsync_WithoutListing_GoesByTheNamesOfTheBlobs()
    {
        string commit = await PullAsync();
        Directory.Delete(Path.Combine(Model, "trees"), recursive: true);
        string plain = Path.Combine(Model, "snapshots", commit, "plain.txt");
        await File.WriteAllTextAsync(plain, "put here by hand", Cancel);
        Assert.Equal([VerifiedStatus.Ok, VerifiedStatus.Ok, VerifiedStatus.Unknown], await StatusesAsync("main"));
    }

    private async Task<string> PullAsync()
    {
        using HubClient client = Client();
        ModelRepository repository = await client.OpenAsync(Id(Public), "main", Cancel);
        await repository.DownloadAsync([Large, "config.json"], null, Cancel);
        return repository.Commit;
    }

    private async Task<VerifiedStatus[]> StatusesAsync(string? revision) =>
        [.. await Whole.VerifyAsync(Whole.Find(Id(Public))!, revision, Cancel).Select(file => file.Status).ToListAsync(Cancel)];

    /// <summary>A snapshot that shares the large file and has one of its own.</summary>
    private void AddSnapshot(string commit, string? name, int own)
    {
        var cache = new HubCache(Cache, Id(Public));
        string tag = new('b', 40);
        File.WriteAllBytes(cache.BlobPath(tag), new byte[own]);
        cache.Link(tag, commit, "own.bin");
        cache.Link(Content.Sha256, commit, Large);
        if (name is not null)
            cache.WriteRef(name, commit);
    }
}
