using System.Runtime.CompilerServices;
using LlmService.Hub.Bundles;
using LlmService.Hub.Cache;

namespace LlmService.Hub;

/// <summary>The examples of docs/hub.md: they run here, and a test compares the page with this file.</summary>
public sealed class HubGuideTests : HubTest
{
    private readonly List<string> _reported = [];

    [Fact]
    public async Task Download()
    {
        (Uri endpoint, string cacheFolder, CancellationToken cancellationToken) = Setting();

        // example: Download
        var options = new HubOptions { Endpoint = endpoint, CacheFolder = cacheFolder };
        using var client = new HubClient(options);
        RepoId id = RepoId.Parse("acme/tiny");

        ModelRepository repository = await client.OpenAsync(id, "main", cancellationToken);
        string folder = await repository.DownloadAsync(["config.json", "model.safetensors"], progress: null, cancellationToken);

        byte[] weights = await File.ReadAllBytesAsync(Path.Combine(folder, "model.safetensors"), cancellationToken);
        // end

        Assert.Equal(Weights, weights);
    }

    [Fact]
    public async Task Progress()
    {
        (_, _, CancellationToken cancellationToken) = Setting();
        using HubClient client = Client();
        RepoId id = Id(Public);

        // example: Progress
        ModelRepository repository = await client.OpenAsync(id, "main", cancellationToken);
        RepositoryFile[] wanted = [.. repository.Files.Where(file => file.Path.EndsWith(".safetensors", StringComparison.Ordinal))];
        long size = wanted.Sum(file => file.SizeBytes);

        var progress = new Progress<DownloadProgress>(step => Report($"{step.File}: {step.TotalBytesReceived} of {size} bytes"));
        string folder = await repository.DownloadAsync([.. wanted.Select(file => file.Path)], progress, cancellationToken);
        // end

        Assert.Equal(Weights.Length, size);
        Assert.True(File.Exists(Path.Combine(folder, Large)));
    }

    [Fact]
    public async Task Token()
    {
        (Uri endpoint, string cacheFolder, CancellationToken cancellationToken) = Setting();
        RepoId id = Id(Public);
        string secret = Bad;

        // example: Token
        var token = new HubToken(secret, "the vault of the build server");
        using var client = new HubClient(new HubOptions { Endpoint = endpoint, CacheFolder = cacheFolder, Token = token });

        ModelRepository repository = await client.OpenAsync(id, "main", cancellationToken);
        HubException? refused = repository.RefusedToken;
        string shown = $"{token}";
        // end

        Assert.Equal(HubDiagnosis.TokenInvalid, refused!.Diagnosis);
        Assert.DoesNotContain(secret, shown, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Errors()
    {
        (_, _, CancellationToken cancellationToken) = Setting();
        using HubClient client = Client();
        RepoId id = Id("acme/gated-not-requested");

        // example: Errors
        string advice;
        try
        {
            await client.OpenAsync(id, "main", cancellationToken);
            advice = "go on";
        }
        catch (HubException failure)
        {
            advice = failure.Diagnosis switch
            {
                HubDiagnosis.GatedNeedsLogin or HubDiagnosis.GatedNotRequested => $"ask for access at {failure.Endpoint}/{failure.Repository}",
                HubDiagnosis.TokenInvalid or HubDiagnosis.TokenExpired => $"replace {failure.TokenSource}",
                HubDiagnosis.NotFoundOrPrivate => "check the spelling, or set a token",
                _ => failure.Message,
            };
        }
        // end

        Assert.Equal($"ask for access at {Server.Hub.Address}/acme/gated-not-requested", advice);
    }

    [Fact]
    public async Task Offline()
    {
        (_, string cacheFolder, CancellationToken cancellationToken) = Setting();
        using HubClient online = Client();
        await DownloadAsync(online);
        RepoId id = Id(Public);

        // example: Offline
        using var offline = new HubClient(new HubOptions { CacheFolder = cacheFolder, Offline = true });

        ModelRepository repository = await offline.OpenAsync(id, "main", cancellationToken);
        string folder = await repository.DownloadAsync(["model.safetensors"], progress: null, cancellationToken);
        // end

        Assert.True(repository.FromCacheOnly);
        AssertPublished(folder);
    }

    [Fact]
    public async Task CacheOfModels()
    {
        (_, string cacheFolder, CancellationToken cancellationToken) = Setting();
        using HubClient client = Client();
        await DownloadAsync(client);
        RepoId id = Id(Public);

        // example: List
        var cache = new ModelCache(cacheFolder);
        foreach (CachedModel model in cache.List())
        {
            foreach (CachedSnapshot snapshot in model.Snapshots)
                Report($"{model.Id}@{snapshot.Commit} ({string.Join(", ", snapshot.Revisions)}): {snapshot.SizeBytes} bytes");
        }
        // end

        Assert.EndsWith($"(main): {Weights.Length} bytes", Assert.Single(_reported), StringComparison.Ordinal);
        Assert.Empty(await DamagedAsync(cache, id, cancellationToken));
        Remove(cache, id);
        Assert.Equal(["this frees 300000 bytes", "300000 bytes freed, 0 files in use"], _reported[1..]);
        Assert.Empty(cache.List());
    }

    [Fact]
    public async Task Bundles()
    {
        (_, string cacheFolder, CancellationToken cancellationToken) = Setting();
        using HubClient client = Client();
        RepoId id = Id(Public);
        string bundle = Path.Combine(cacheFolder, "models.tar");
        string otherCacheFolder = Path.Combine(cacheFolder, "other");

        // example: Bundle
        ModelRepository repository = await client.OpenAsync(id, "main", cancellationToken);
        string[] files = ["config.json", "model.safetensors", .. Bundle.LicenseFiles(repository)];
        await repository.DownloadAsync(files, progress: null, cancellationToken);
        BundleContent made = await Bundle.CreateAsync(bundle, [new BundleSource(repository, files)], cancellationToken);

        // … and on the other machine:
        var options = new HubOptions { CacheFolder = otherCacheFolder, Offline = true };
        BundleContent installed = await Bundle.InstallAsync(bundle, options, cancellationToken);
        // end

        Assert.Equal(made.ManifestSha256, installed.ManifestSha256);
        Assert.Equal(Weights.Length + 2, Assert.Single(new ModelCache(otherCacheFolder).List()).SizeBytes);
    }

    [Fact]
    public void Guide_ShowsTheseExamples()
    {
        string guide = Path.GetFullPath(Path.Combine(TestData.Fixture(), "..", "..", "docs", "hub.md"));
        GuideExamples.AssertSame(SourceFile(), guide);
    }

    private static async Task<List<string>> DamagedAsync(ModelCache cache, RepoId id, CancellationToken cancellationToken)
    {
        // example: Verify
        CachedModel model = cache.Find(id)!;
        var damaged = new List<string>();
        await foreach (VerifiedFile file in cache.VerifyAsync(model, revision: null, cancellationToken))
        {
            if (file.Status is VerifiedStatus.Corrupt or VerifiedStatus.Missing)
                damaged.Add(file.Path);
        }
        // end
        return damaged;
    }

    private void Remove(ModelCache cache, RepoId id)
    {
        // example: Remove
        CacheRemoval? plan = cache.PlanRemoval(id, "main");
        if (plan is not null)
        {
            Report($"this frees {plan.SizeBytes} bytes");
            RemovedFromCache removed = plan.Execute();
            Report($"{removed.FreedBytes} bytes freed, {removed.InUse.Count} files in use");
        }
        // end
    }

    private static string SourceFile([CallerFilePath] string path = "") => path;

    private (Uri Endpoint, string CacheFolder, CancellationToken CancellationToken) Setting() => (new Uri(Server.Hub.Address), Cache, Cancel);

    private void Report(string line)
    {
        lock (_reported)
            _reported.Add(line);
    }
}
