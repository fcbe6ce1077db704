using System.Globalization;
using Microsoft.AspNetCore.Http;

namespace LlmService.Hub;

/// <summary>One file over several connections. The file has 300 000 bytes, a range 50 000.</summary>
public sealed class ParallelTransferTests : HubTest
{
    private const int RangeSize = 50_000;

    private string Journal => Path.ChangeExtension(Partial, ".parts.incomplete");

    private HubClient ParallelClient(string? token = null) => new(Options(token) with { RangeSizeBytes = RangeSize });

    [Fact]
    public async Task DownloadAsync_LargeFile_ComesInRangesThatCoverItOnce()
    {
        using HubClient client = ParallelClient(Good);

        AssertPublished(await DownloadAsync(client));

        Assert.Equal(
            ["bytes=0-49999", "bytes=100000-149999", "bytes=150000-199999", "bytes=200000-249999", "bytes=250000-", "bytes=50000-99999"],
            Ranges.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task DownloadAsync_SmallFile_IsOneQuestion()
    {
        using var client = new HubClient(Options() with { RangeSizeBytes = 200_000 });

        AssertPublished(await DownloadAsync(client));

        Assert.Equal([null], Ranges);
    }

    [Fact]
    public async Task DownloadAsync_ServerWithoutRanges_TakesTheFirstAnswerWhole()
    {
        Server.Cdn.Weather = Weather.Always(Weather.Whole(Weights));
        using HubClient client = ParallelClient();

        AssertPublished(await DownloadAsync(client));

        Assert.Equal(["bytes=0-49999"], Ranges);
    }

    [Fact]
    public async Task DownloadAsync_RangesEndInTheMiddle_OneConnectionBringsAll()
    {
        int asked = 0;
        Server.Cdn.Weather = async context =>
        {
            if (Interlocked.Increment(ref asked) <= 3)
                return false;
            await Weather.Whole(Weights)(context);
            return true;
        };
        using HubClient client = ParallelClient();

        AssertPublished(await DownloadAsync(client));
    }

    [Fact]
    public async Task DownloadAsync_CutsEverywhere_AreContinuedInTheirRange()
    {
        int asked = 0;
        Server.Cdn.Weather = async context =>
        {
            if (Interlocked.Increment(ref asked) > 6)
                return false;
            await Weather.CutAt(Weights, From(context) + 10_000)(context);
            return true;
        };
        using HubClient client = ParallelClient(Good);

        AssertPublished(await DownloadAsync(client));

        Assert.Contains("bytes=10000-49999", Ranges);
    }

    [Fact]
    public async Task DownloadAsync_SignatureExpiresForAllConnections_IsRenewedOnceAndNotByEach()
    {
        Server.Cdn.Weather = context =>
        {
            bool old = From(context) > 0 && !context.Request.QueryString.Value!.EndsWith("again", StringComparison.Ordinal);
            context.Response.StatusCode = old ? 403 : 200;
            return Task.FromResult(old);
        };
        Server.Hub.Weather = Weather.Where("HEAD", "/resolve/", Weather.InTurn(null, context => Weather.Status(
            302,
            ("X-Repo-Commit", context.Request.Path.Value!.Split('/')[4]),
            ("X-Linked-ETag", $"\"{Content.Sha256}\""),
            ("Location", $"{Server.Cdn.Address}/xet-bridge-us/{Public}/{Large}?again"))(context)));
        using HubClient client = ParallelClient(Good);

        AssertPublished(await DownloadAsync(client));

        Assert.Equal(2, Server.Hub.Requests.Count(request => request.Method == "HEAD"));
    }

    [Fact]
    public async Task DownloadAsync_ServerAllowsOneConnection_TheOthersStepBack()
    {
        int open = 0;
        Server.Cdn.Weather = async context =>
        {
            try
            {
                bool tooMany = Interlocked.Increment(ref open) > 1;
                if (tooMany)
                    context.Response.StatusCode = 503;
                else
                    await Weather.Slowly(Weights, 5_000, TimeSpan.FromMilliseconds(1))(context);
                return true;
            }
            finally
            {
                Interlocked.Decrement(ref open);
            }
        };
        using HubClient client = ParallelClient();

        AssertPublished(await DownloadAsync(client));
    }

    [Fact]
    public async Task DownloadAsync_FlippedByteInOneRange_StartsOver()
    {
        byte[] flipped = [.. Weights];
        flipped[123_456] ^= 1;
        int asked = 0;
        Server.Cdn.Weather = async context =>
        {
            if (Interlocked.Increment(ref asked) > 6)
                return false;
            await Weather.Chunked(flipped)(context);
            return true;
        };
        using HubClient client = ParallelClient();

        AssertPublished(await DownloadAsync(client));

        Assert.Equal(12, Ranges.Length);
    }

    [Fact]
    public async Task DownloadAsync_AnotherRangeThanAsked_IsNotWritten()
    {
        // A server that lies about one range: the right length and total, the wrong place.
        int lies = 0;
        Server.Cdn.Weather = async context =>
        {
            if (From(context) != 100_000 || Interlocked.Increment(ref lies) > 1)
                return false;
            context.Response.StatusCode = 206;
            context.Response.Headers.ContentRange = "bytes 0-49999/300000";
            await context.Response.Body.WriteAsync(Weights.AsMemory(0, RangeSize));
            return true;
        };
        using HubClient client = ParallelClient();

        AssertPublished(await DownloadAsync(client));

        Assert.Equal(7, Ranges.Length);
    }

    [Fact]
    public async Task DownloadAsync_Cancelled_TheNextRunFetchesOnlyTheGaps()
    {
        using var stop = new CancellationTokenSource();
        Server.Cdn.Weather = async context =>
        {
            // The second range stays out; all others come.
            if (From(context) != RangeSize)
                return false;
            while (Server.Cdn.Requests.Count < 6)
                await Task.Delay(10, Cancel);
            stop.CancelAfter(200);
            await Weather.MuteAt(Weights, RangeSize + 1_000)(context);
            return true;
        };
        using HubClient client = ParallelClient();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => DownloadAsync(client, cancel: stop.Token));

        AssertNothingPublished();
        Assert.True(File.Exists(Journal));
        long missing = Weights.Length - new FileInfo(Partial).Length + PartialFile.GapBytes(Partial);
        Assert.InRange(missing, 49_000, 200_000);
        Server.Cdn.Weather = null;
        Server.Cdn.Requests.Clear();
        AssertPublished(await DownloadAsync(client));
        Assert.Equal(missing, Ranges.Sum(SizeOf));
    }

    [Fact]
    public async Task DownloadAsync_GapsOfAnEarlierRun_CountAsMissingOnTheDisk()
    {
        Directory.CreateDirectory(Blobs);
        await File.WriteAllBytesAsync(Partial, Weights, Cancel);
        await File.WriteAllTextAsync(Journal, "parts 1 300000\n250000-300000\n", Cancel);

        Assert.Equal(250_000, PartialFile.GapBytes(Partial));
        using HubClient client = ParallelClient();
        AssertPublished(await DownloadAsync(client));
        Assert.DoesNotContain("bytes=250000-", Ranges);
    }

    [Fact]
    public async Task DownloadAsync_LeftoversOfKilledProcesses_AreRemoved()
    {
        Directory.CreateDirectory(Blobs);
        await File.WriteAllBytesAsync(Path.Combine(Blobs, $"{Content.Sha256}.0123.llm-service.incomplete"), new byte[10], Cancel);
        string used = Path.Combine(Blobs, $"{Content.Sha256}.4567.llm-service.incomplete");
        using var somebody = new FileStream(used, FileMode.Create, FileAccess.ReadWrite, FileShare.None);
        using HubClient client = ParallelClient();

        await DownloadAsync(client);

        Assert.Equal([used, Path.Combine(Blobs, Content.Sha256)], Directory.GetFiles(Blobs).Order(StringComparer.Ordinal).Reverse());
    }

    [Fact]
    public async Task DownloadAsync_TwentyClientsAtOnce_OneDownloads()
    {
        Server.Cdn.Weather = Weather.Always(Weather.Slowly(Weights, 20_000, TimeSpan.FromMilliseconds(5)));
        HubClient[] clients = [.. Enumerable.Range(0, 20).Select(_ => new HubClient(Options(Good) with { TimeProvider = TimeProvider.System }))];

        string[] folders = await Task.WhenAll(clients.Select(client => DownloadAsync(client)));

        Assert.All(folders, AssertPublished);
        Assert.Equal([null], Ranges);
        Array.ForEach(clients, client => client.Dispose());
    }

    [Fact]
    public async Task DownloadAsync_Progress_TellsRateAndTimeLeft()
    {
        Server.Cdn.Weather = Weather.Always(Weather.Slowly(Weights, 10_000, TimeSpan.FromMilliseconds(10)));
        using var client = new HubClient(Options() with { TimeProvider = TimeProvider.System });
        var progress = new Recorded();

        await DownloadAsync(client, progress);

        Assert.Contains(progress.Reports, report => report is { BytesPerSecond: > 0, TimeLeft: not null });
        Assert.Equal(TimeSpan.Zero, progress.Reports[^1].TimeLeft);
        Assert.Equal(Weights.Length, progress.Reports[^1].TotalBytesReceived);
    }

    private static int From(HttpContext context)
    {
        string range = context.Request.Headers.Range.ToString();
        return range.Length == 0 ? 0 : int.Parse(range["bytes=".Length..range.IndexOf('-', StringComparison.Ordinal)], CultureInfo.InvariantCulture);
    }

    private static long SizeOf(string? range)
    {
        string[] ends = range!["bytes=".Length..].Split('-');
        long end = ends[1].Length == 0 ? Weights.Length : long.Parse(ends[1], CultureInfo.InvariantCulture) + 1;
        return end - long.Parse(ends[0], CultureInfo.InvariantCulture);
    }

    private sealed class Recorded : IProgress<DownloadProgress>
    {
        public List<DownloadProgress> Reports { get; } = [];

        public void Report(DownloadProgress value) => Reports.Add(value);
    }
}
