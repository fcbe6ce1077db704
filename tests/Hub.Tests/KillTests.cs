using System.Diagnostics;

namespace LlmService.Hub;

/// <summary>Real processes, killed without warning at arbitrary bytes, and several at once.</summary>
public sealed class KillTests : HubTest
{
    private const string Endpoint = "LOOPBACK_HUB_ENDPOINT";
    private const string CacheFolder = "LOOPBACK_HUB_CACHE";
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

    [Fact]
    public async Task DownloadAsync_TwoProcessesAtOnce_OneDownloads()
    {
        Server.Cdn.Weather = Weather.Always(Weather.Slowly(Weights, 5_000, TimeSpan.FromMilliseconds(20)));
        Process[] children = [Start(), Start()];

        foreach (Process child in children)
        {
            await child.WaitForExitAsync(Cancel);
            Assert.Equal(0, child.ExitCode);
            child.Dispose();
        }

        Assert.Equal(10, Ranges.Length);
        Assert.Equal(10, Ranges.Distinct().Count());
        Assert.Equal([Path.Combine(Blobs, Content.Sha256)], Directory.GetFiles(Blobs));
    }

    private Process Start()
    {
        string path = Environment.ProcessPath!;
        var start = new ProcessStartInfo(path) { RedirectStandardOutput = true, RedirectStandardError = true };
        if (Path.GetFileNameWithoutExtension(path) == "dotnet")
            start.ArgumentList.Add(typeof(KillTests).Assembly.Location);
        foreach (string argument in new[] { "--explicit", "only", "--filter-method", $"{typeof(KillTests).FullName}.{nameof(Child)}" })
            start.ArgumentList.Add(argument);
        start.Environment[Endpoint] = Server.Hub.Address;
        start.Environment[CacheFolder] = Cache;
        Process child = Process.Start(start)!;
        child.BeginOutputReadLine();
        child.BeginErrorReadLine();
        return child;
    }
}
