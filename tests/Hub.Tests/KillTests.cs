using System.Diagnostics;

namespace LlmService.Hub;

/// <summary>Real processes, killed without warning at arbitrary bytes, and several at once.</summary>
public sealed class KillTests : HubTest
{
    private const string Endpoint = "LOOPBACK_HUB_ENDPOINT";
    private const string CacheFolder = "LOOPBACK_HUB_CACHE";
    private const string NoLinks = "LOOPBACK_HUB_NO_LINKS";
    private const int RangeSize = 30_000;

    /// <summary>What the processes of the other tests do; started by hand it has nothing to ask.</summary>
    [Fact(Explicit = true)]
    public async Task Child()
    {
        string? endpoint = Environment.GetEnvironmentVariable(Endpoint);
        Assert.SkipWhen(endpoint is null, "only as a child of the other tests");
        using var client = new HubClient(new HubOptions
        {
            CacheFolder = Environment.GetEnvironmentVariable(CacheFolder)!,
            Endpoint = new Uri(endpoint!),
            RangeSizeBytes = RangeSize,
            DisableSymlinks = Environment.GetEnvironmentVariable(NoLinks) is not null,
        });
        await DownloadAsync(client);
    }

    [Fact]
    public async Task DownloadAsync_KilledAgainAndAgain_LosesLittleAndSpoilsNothing()
    {
        // Slow enough that kills fall into the transfer.
        Server.Cdn.Weather = Weather.Always(Weather.Slowly(Weights, 2_000, TimeSpan.FromMilliseconds(5)));
        int[] kills = [1, 4, 9];
        foreach (int blocks in kills)
        {
            int before = Server.Cdn.Requests.Count;
            using Process child = Start();
            while (!child.HasExited && Server.Cdn.Requests.Count < before + 4)
                await Task.Delay(5, Cancel);
            await Task.Delay(blocks * 5, Cancel);
            child.Kill();
            await child.WaitForExitAsync(Cancel);
            if (!File.Exists(Path.Combine(Blobs, Content.Sha256)))
                AssertNothingPublished();
        }
        Server.Cdn.Weather = null;
        using HubClient client = Client();

        AssertPublished(await DownloadAsync(client));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task DownloadAsync_ManyProcessesAtOnce_OneDownloads(bool noLinks)
    {
        Server.Cdn.Weather = Weather.Always(Weather.Slowly(Weights, 5_000, TimeSpan.FromMilliseconds(20)));
        Process[] children = [.. Enumerable.Range(0, 3).Select(_ => Start(noLinks))];

        foreach (Process child in children)
        {
            await child.WaitForExitAsync(Cancel);
            Assert.Equal(0, child.ExitCode);
            child.Dispose();
        }

        Assert.Equal(10, Ranges.Length);
        Assert.Equal(10, Ranges.Distinct().Count());
        Assert.Equal(noLinks ? [] : [Path.Combine(Blobs, Content.Sha256)], Directory.GetFiles(Blobs));
        string published = Assert.Single(Directory.GetFiles(Path.Combine(Cache, "models--acme--tiny", "snapshots"), Large, SearchOption.AllDirectories));
        Assert.Equal(Weights, await File.ReadAllBytesAsync(published, Cancel));
    }

    private Process Start(bool noLinks = false)
    {
        string path = Environment.ProcessPath!;
        var start = new ProcessStartInfo(path) { RedirectStandardOutput = true, RedirectStandardError = true };
        if (Path.GetFileNameWithoutExtension(path) == "dotnet")
            start.ArgumentList.Add(typeof(KillTests).Assembly.Location);
        foreach (string argument in new[] { "--explicit", "only", "--filter-method", $"{typeof(KillTests).FullName}.{nameof(Child)}" })
            start.ArgumentList.Add(argument);
        start.Environment[Endpoint] = Server.Hub.Address;
        start.Environment[CacheFolder] = Cache;
        if (noLinks)
            start.Environment[NoLinks] = "1";
        Process child = Process.Start(start)!;
        child.BeginOutputReadLine();
        child.BeginErrorReadLine();
        return child;
    }
}
