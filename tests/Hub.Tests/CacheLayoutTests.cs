using System.Text;
using LlmService.Hub.Cache;

namespace LlmService.Hub;

/// <summary>The folders and files that other clients of the Hub read and write too.</summary>
public sealed class CacheLayoutTests : HubTest
{
    private string Model => Path.Combine(Cache, "models--acme--tiny");

    [Fact]
    public async Task DownloadAsync_AllFiles_LaysThemOutAsOtherClientsDo()
    {
        using HubClient client = Client();
        ModelRepository repository = await client.OpenAsync(Id(Public), "main", Cancel);

        string folder = await repository.DownloadAsync([.. Files.Keys], null, Cancel);

        string[] tags = [.. Files.Values.Select(file => file.IsLfs ? file.Sha256 : file.GitId)];
        string snapshot = $"models--acme--tiny/snapshots/{repository.Commit}/";
        string[] expected =
        [
            "CACHEDIR.TAG", "models--acme--tiny/refs/main", $"models--acme--tiny/trees/{repository.Commit}.json",
            .. tags.Select(tag => $".locks/models--acme--tiny/{tag}.lock"),
            .. tags.Select(tag => $"models--acme--tiny/blobs/{tag}"),
            .. Files.Keys.Select(path => snapshot + path),
        ];
        Assert.Equal(expected.Order(StringComparer.Ordinal), Contents());
        Assert.StartsWith("Signature: 8a477f597d28d172789f06886806bc55", File.ReadAllText(Path.Combine(Cache, "CACHEDIR.TAG")), StringComparison.Ordinal);
        Assert.Equal(repository.Commit, File.ReadAllText(Path.Combine(Model, "refs", "main")));
        Assert.Equal("../../blobs/" + Content.Sha256, new FileInfo(Path.Combine(folder, Large)).LinkTarget);
        Assert.Equal("../../../../blobs/" + Files["sub/dir/part.gguf"].Sha256, new FileInfo(Path.Combine(folder, "sub", "dir", "part.gguf")).LinkTarget);
    }

    [Fact]
    public async Task DownloadAsync_FileThatIsNotThere_IsRememberedAsOtherClientsDo()
    {
        using HubClient client = Client();
        ModelRepository repository = await client.OpenAsync(Id(Public), "main", Cancel);
        await repository.DownloadAsync([Large], null, Cancel);

        await FailureAsync(() => repository.DownloadAsync(["sub/absent.json"], null, Cancel));

        string mark = Path.Combine(Model, ".no_exist", repository.Commit, "sub", "absent.json");
        Assert.Equal(0, new FileInfo(mark).Length);

        // Without the listing the mark still tells that the file does not exist, rather than that it is not cached.
        Directory.Delete(Path.Combine(Model, "trees"), recursive: true);
        using var offline = new HubClient(Options() with { Offline = true });
        ModelRepository cached = await offline.OpenAsync(Id(Public), "main", Cancel);
        HubException known = await FailureAsync(() => cached.DownloadAsync(["sub/absent.json"], null, Cancel));
        HubException unknown = await FailureAsync(() => cached.DownloadAsync(["config.json"], null, Cancel));
        Assert.Equal(HubDiagnosis.EntryNotFound, known.Diagnosis);
        Assert.Equal(HubDiagnosis.OfflineMode, unknown.Diagnosis);
    }

    [Fact]
    public async Task DownloadAsync_WithoutLinks_SnapshotHoldsTheFilesAndBlobsIsEmpty()
    {
        HubOptions options = Options() with { DisableSymlinks = true };
        using var client = new HubClient(options);
        ModelRepository repository = await client.OpenAsync(Id(Public), "main", Cancel);

        string folder = await repository.DownloadAsync([Large, "sub/dir/part.gguf"], null, Cancel);

        Assert.Null(new FileInfo(Path.Combine(folder, Large)).LinkTarget);
        Assert.Equal(Weights, await File.ReadAllBytesAsync(Path.Combine(folder, Large), Cancel));
        Assert.Empty(Directory.GetFiles(Blobs));

        // Found again, online without a byte and offline without a socket, with links or without.
        Server.Cdn.Requests.Clear();
        Assert.Equal(folder, await DownloadAsync(client));
        using var offline = new HubClient(Options() with { Offline = true });
        Assert.Equal(folder, await DownloadAsync(offline));
        Assert.Empty(Server.Cdn.Requests);
        CachedModel model = new ModelCache(Cache).Find(Id(Public))!;
        Assert.Equal(Weights.Length + 3, model.SizeBytes);
        Assert.All(await VerifyAsync(model), file => Assert.Equal(VerifiedStatus.Ok, file.Status));
    }

    [Fact]
    public async Task DownloadAsync_WithoutLinksButBlobIsLinkedAlready_CopiesAndLeavesTheLinkWhole()
    {
        using HubClient linking = Client();
        string folder = await DownloadAsync(linking);
        string older = Path.Combine(Model, "snapshots", new string('a', 40));
        Directory.Move(folder, older);
        using var client = new HubClient(Options() with { DisableSymlinks = true });

        await DownloadAsync(client);

        Assert.Null(new FileInfo(Path.Combine(folder, Large)).LinkTarget);
        Assert.Equal(Weights, await File.ReadAllBytesAsync(Path.Combine(older, Large), Cancel));
    }

    [Fact]
    public async Task OpenAsync_CacheOfAnotherClient_IsReadThroughTheSharedStore()
    {
        string commit = new('c', 40);
        PythonCache(commit);
        using var offline = new HubClient(Options() with { Offline = true });

        ModelRepository repository = await offline.OpenAsync(Id(Public), "refs/pr/1", Cancel);
        string folder = await repository.DownloadAsync([Large, "config.json"], null, Cancel);

        Assert.Equal(commit, repository.Commit);
        Assert.Equal(Weights, await File.ReadAllBytesAsync(Path.Combine(folder, Large), Cancel));
    }

    [Fact]
    public async Task ModelCache_SharedStoreOfAnotherClient_IsCountedAndNeverTouched()
    {
        string commit = new('c', 40);
        string shared = PythonCache(commit);
        var cache = new ModelCache(Cache);

        CachedModel model = Assert.Single(cache.List());
        Assert.Equal(2, model.SizeBytes);
        Assert.Equal(Weights.Length + 2, Assert.Single(model.Snapshots).SizeBytes);
        Assert.Equal(["refs/pr/1"], model.Snapshots[0].Revisions);
        Assert.All(await VerifyAsync(model), file => Assert.Equal(VerifiedStatus.Ok, file.Status));

        RemovedFromCache removed = cache.PlanRemoval(Id(Public), "refs/pr/1")!.Execute();

        Assert.Equal(2, removed.FreedBytes);
        Assert.False(Directory.Exists(Model));
        Assert.Equal(Weights, await File.ReadAllBytesAsync(shared, Cancel));
    }

    private static async Task<List<VerifiedFile>> VerifyAsync(CachedModel model) =>
        await new ModelCache(Path.GetDirectoryName(model.Folder)!).VerifyAsync(model, null, Cancel).ToListAsync(Cancel);

    /// <summary>What huggingface_hub with a shared blob store leaves: two links to a large file, no stored listing, other repositories beside.</summary>
    private string PythonCache(string commit)
    {
        string shared = Path.Combine(Cache, "blobs", "ab", new string('e', 64));
        Write(shared, Weights);
        Write(Path.Combine(Cache, "blobs", ".huggingface-shared-blobs"), "1"u8.ToArray());
        Write(Path.Combine(Cache, "datasets--acme--texts", "refs", "main"), Encoding.ASCII.GetBytes(commit));
        Write(Path.Combine(Cache, "models--..--evil", "refs", "main"), Encoding.ASCII.GetBytes(commit));
        Write(Path.Combine(Cache, "version.txt"), "1"u8.ToArray());
        Write(Path.Combine(Model, "refs", "refs", "pr", "1"), Encoding.ASCII.GetBytes(commit));
        Write(Path.Combine(Blobs, Files["config.json"].GitId), Files["config.json"].Bytes);
        File.CreateSymbolicLink(Path.Combine(Blobs, Content.Sha256), "../../blobs/ab/" + new string('e', 64));
        string snapshot = Path.Combine(Model, "snapshots", commit);
        Directory.CreateDirectory(snapshot);
        File.CreateSymbolicLink(Path.Combine(snapshot, Large), "../../blobs/" + Content.Sha256);
        File.CreateSymbolicLink(Path.Combine(snapshot, "config.json"), "../../blobs/" + Files["config.json"].GitId);
        return shared;
    }

    private static void Write(string path, byte[] content)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, content);
    }

    private IEnumerable<string> Contents() => Directory.EnumerateFiles(Cache, "*", SearchOption.AllDirectories)
        .Select(path => Path.GetRelativePath(Cache, path)).Order(StringComparer.Ordinal);
}
