namespace LlmService.Hub;

public sealed class AtomicFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("atomic-file-tests-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Link_ManyAtOnce_AllBecomeLinksAndNothingElseStays()
    {
        RepoId id = RepoId.Parse("acme/tiny");
        var cache = new HubCache(_folder, id);
        cache.Prepare();
        string commit = new('a', 40);
        string[] tags = [.. Enumerable.Range(0, 400).Select(i => $"tag{i}")];
        foreach (string tag in tags)
            File.WriteAllText(cache.BlobPath(tag), tag);

        Parallel.ForEach(tags, new ParallelOptions { MaxDegreeOfParallelism = 16 }, tag => cache.Link(tag, commit, tag));

        Assert.All(tags, tag => Assert.Equal("../../blobs/" + tag, new FileInfo(cache.SnapshotPath(commit, tag)).LinkTarget));
        Assert.Equal(["blobs", "snapshots"], Directory.GetFileSystemEntries(Path.Combine(_folder, id.CacheFolderName)).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }
}
