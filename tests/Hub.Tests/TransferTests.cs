using Microsoft.AspNetCore.Http;

namespace LlmService.Hub;

public sealed class TransferTests : HubTest
{
    private const int Third = 100_000;

    private static readonly string Rest = $"bytes={Third}-";

    private int Heads => Server.Hub.Requests.Count(request => request.Method == "HEAD");

    [Fact]
    public async Task DownloadAsync_SignatureExpiresInTheMiddle_IsRenewedAndResumed()
    {
        LeavePartial(Weights.AsSpan(0, Third));
        Server.Cdn.Weather = Weather.InTurn(Weather.Text(403, "application/xml", "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"));
        using HubClient client = Client(Good);

        AssertPublished(await DownloadAsync(client));

        Assert.Equal([Rest, Rest], Ranges);
        Assert.Equal(2, Heads);
    }

    [Theory]
    [InlineData(400)]
    [InlineData(401)]
    [InlineData(403)]
    [InlineData(404)]
    [InlineData(410)]
    public async Task DownloadAsync_AddressAlwaysRefused_IsSignedUrlExpired(int status)
    {
        Server.Cdn.Weather = Weather.Always(Weather.Status(status));
        using HubClient client = Client(Good);

        HubException failure = await FailureAsync(() => DownloadAsync(client));

        Assert.Equal(HubDiagnosis.SignedUrlExpired, failure.Diagnosis);
        Assert.Equal(5, Server.Cdn.Requests.Count);
        Assert.Equal(5, Heads);
        AssertNothingPublished();
    }

    [Fact]
    public async Task DownloadAsync_RangeIgnored_TakesTheWholeFile()
    {
        LeavePartial(Weights.AsSpan(0, Third));
        Server.Cdn.Weather = Weather.InTurn(Weather.Whole(Weights));
        using HubClient client = Client();

        AssertPublished(await DownloadAsync(client));

        Assert.Equal([Rest], Ranges);
    }

    [Theory]
    [InlineData("bytes 99999-299999/300000")]
    [InlineData("bytes 100000-300000/300001")]
    [InlineData("bytes 0-299999/300000")]
    [InlineData("nonsense")]
    [InlineData(null)]
    public async Task DownloadAsync_WrongContentRange_StartsOver(string? range)
    {
        LeavePartial(Weights.AsSpan(0, Third));
        Server.Cdn.Weather = Weather.InTurn(Weather.Status(206, range is null ? [] : [("Content-Range", range)]));
        using HubClient client = Client();

        AssertPublished(await DownloadAsync(client));

        Assert.Equal([Rest, null], Ranges);
    }

    [Fact]
    public async Task DownloadAsync_RangeNotSatisfiable_StartsOver()
    {
        LeavePartial(Weights.AsSpan(0, Third));
        Server.Cdn.Weather = Weather.InTurn(Weather.Status(416, ("Content-Range", $"bytes */{Weights.Length}")));
        using HubClient client = Client();

        AssertPublished(await DownloadAsync(client));

        Assert.Equal([Rest, null], Ranges);
    }

    [Fact]
    public async Task DownloadAsync_CutAtAThird_Resumes()
    {
        Server.Cdn.Weather = Weather.InTurn(Weather.CutAt(Weights, Third));
        using HubClient client = Client(Good);

        AssertPublished(await DownloadAsync(client));

        Assert.Equal(2, Ranges.Length);
        Assert.Equal(1, Heads);
    }

    [Fact]
    public async Task DownloadAsync_ResetAtAThird_Resumes()
    {
        Server.Cdn.Weather = Weather.InTurn(Weather.ResetAt(Weights, Third), Weather.ResetAt(Weights, 2 * Third));
        using HubClient client = Client(Good);

        AssertPublished(await DownloadAsync(client));

        Assert.Equal(3, Ranges.Length);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task DownloadAsync_NoNewByteForEver_GivesUpAndKeepsWhatCame(bool reset)
    {
        LeavePartial(Weights.AsSpan(0, Third));
        Server.Cdn.Weather = Weather.Always(reset ? Weather.ResetAt(Weights, Third) : Weather.CutAt(Weights, Third));
        using HubClient client = Client();

        HubException failure = await FailureAsync(() => DownloadAsync(client));

        Assert.Equal(HubDiagnosis.HubUnavailable, failure.Diagnosis);
        Assert.Equal(Third, new FileInfo(Partial).Length);
        Assert.All(Ranges, range => Assert.Equal(Rest, range));
        AssertNothingPublished();
    }

    [Fact]
    public async Task DownloadAsync_FileShorterThanPromisedAndNoMoreToGet_GivesUp()
    {
        // Each round brings bytes, but never one that was not there before.
        byte[] shorter = Weights[..^5];
        Server.Cdn.Weather = Weather.Always(context => context.Request.Headers.Range.Count > 0
            ? Weather.Status(416, ("Content-Range", $"bytes */{shorter.Length}"))(context)
            : Weather.Whole(shorter)(context));
        using HubClient client = Client();

        HubException failure = await FailureAsync(() => DownloadAsync(client));

        Assert.Equal(HubDiagnosis.HubUnavailable, failure.Diagnosis);
        AssertNothingPublished();
    }

    [Fact]
    public async Task DownloadAsync_TooShortWithACorrectEnd_FetchesTheRest()
    {
        Server.Cdn.Weather = Weather.InTurn(Weather.Chunked(Weights[..^5]));
        using HubClient client = Client();

        AssertPublished(await DownloadAsync(client));

        Assert.Equal([null, $"bytes={Weights.Length - 5}-"], Ranges);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task DownloadAsync_TooLong_IsCorrupt(bool announced)
    {
        byte[] longer = [.. Weights, 1, 2, 3, 4, 5];
        Server.Cdn.Weather = Weather.Always(announced ? Weather.Whole(longer) : Weather.Chunked(longer));
        using HubClient client = Client();

        HubException failure = await FailureAsync(() => DownloadAsync(client));

        Assert.Equal(HubDiagnosis.CorruptDownload, failure.Diagnosis);
        AssertNothingPublished();
        Assert.False(File.Exists(Partial));
    }

    [Fact]
    public async Task DownloadAsync_FlippedByteForEver_PublishesNothing()
    {
        Server.Cdn.Weather = Weather.Always(Weather.Whole(Flipped()));
        using HubClient client = Client(Good);

        HubException failure = await FailureAsync(() => DownloadAsync(client));

        Assert.Equal(HubDiagnosis.CorruptDownload, failure.Diagnosis);
        Assert.Equal(Large, failure.File);
        Assert.Equal(2, Server.Cdn.Requests.Count);
        AssertNothingPublished();
        Assert.False(File.Exists(Partial));
    }

    [Fact]
    public async Task DownloadAsync_FlippedByteOnce_StartsOver()
    {
        Server.Cdn.Weather = Weather.InTurn(Weather.Whole(Flipped()));
        using HubClient client = Client();

        AssertPublished(await DownloadAsync(client));

        Assert.Equal([null, null], Ranges);
    }

    [Fact]
    public async Task DownloadAsync_FlippedByteInAGitFile_IsCorrupt()
    {
        Server.Hub.Weather = Weather.Where("GET", "/resolve-cache/", Weather.Always(Weather.Text(200, "text/plain", "[]")));
        using HubClient client = Client();
        ModelRepository opened = await client.OpenAsync(Id(Public), "main", Cancel);

        HubException failure = await FailureAsync(() => opened.DownloadAsync(["config.json"], null, Cancel));

        Assert.Equal(HubDiagnosis.CorruptDownload, failure.Diagnosis);
        AssertNothingPublished();
    }

    [Fact]
    public async Task DownloadAsync_FileChangesBeforeTheResume_ThrowsThePartAway()
    {
        LeavePartial(Weights.AsSpan(0, Third));
        Server.Cdn.Weather = Weather.Always(Weather.Status(403));
        Server.Hub.Weather = Weather.Where("HEAD", "/resolve/", Weather.InTurn(null, Changed));
        using HubClient client = Client(Good);

        HubException failure = await FailureAsync(() => DownloadAsync(client));

        Assert.Equal(HubDiagnosis.CorruptDownload, failure.Diagnosis);
        Assert.False(File.Exists(Partial));
        AssertNothingPublished();

        Task Changed(HttpContext context) => Weather.Status(
            302,
            ("X-Repo-Commit", context.Request.Path.Value!.Split('/')[4]),
            ("X-Linked-ETag", $"\"{new string('c', 64)}\""),
            ("Location", Server.Cdn.Address + "/other"))(context);
    }

    [Fact]
    public async Task DownloadAsync_SilenceInTheMiddle_IsCutAndResumed()
    {
        Server.Cdn.Weather = Weather.InTurn(Weather.MuteAt(Weights, Third));
        using var client = new HubClient(Options(Good) with { DownloadTimeout = TimeSpan.FromMilliseconds(300) });

        AssertPublished(await DownloadAsync(client));

        Assert.Equal([null, Rest], Ranges);
    }

    [Fact]
    public async Task DownloadAsync_PartialFileOfAnEarlierRun_IsContinued()
    {
        LeavePartial(Weights.AsSpan(0, Third));
        using HubClient client = Client(Good);

        AssertPublished(await DownloadAsync(client));

        Assert.Equal([Rest], Ranges);
    }

    [Fact]
    public async Task DownloadAsync_PartialFileIsComplete_NeedsNoByte()
    {
        LeavePartial(Weights);
        using HubClient client = Client();

        AssertPublished(await DownloadAsync(client));

        Assert.Empty(Server.Cdn.Requests);
    }

    [Theory]
    [InlineData(100_000)]
    [InlineData(300_000)]
    [InlineData(400_000)]
    public async Task DownloadAsync_PartialFileWithOtherBytes_StartsOver(int length)
    {
        LeavePartial(new byte[length]);
        using HubClient client = Client();

        AssertPublished(await DownloadAsync(client));

        Assert.Null(Ranges[^1]);
    }

    [Fact]
    public async Task DownloadAsync_PartialFileIsALink_TouchesNothingBehindIt()
    {
        string precious = Path.Combine(Cache, "precious");
        await File.WriteAllTextAsync(precious, "mine", Cancel);
        Directory.CreateDirectory(Blobs);
        File.CreateSymbolicLink(Partial, precious);
        using HubClient client = Client();

        AssertPublished(await DownloadAsync(client));

        Assert.Equal("mine", await File.ReadAllTextAsync(precious, Cancel));
    }

    [Fact]
    public async Task DownloadAsync_Cancelled_PublishesNothingAndTheNextRunContinues()
    {
        Server.Cdn.Weather = Weather.InTurn(Weather.MuteAt(Weights, Third));
        using HubClient client = Client(Good);
        using var stop = new CancellationTokenSource();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => DownloadAsync(client, new Canceller(stop), stop.Token));

        AssertNothingPublished();
        long arrived = new FileInfo(Partial).Length;
        Assert.InRange(arrived, 1, Third);
        AssertPublished(await DownloadAsync(client));
        Assert.Equal([null, $"bytes={arrived}-"], Ranges);
    }

    private static byte[] Flipped()
    {
        byte[] flipped = [.. Weights];
        flipped[Third] ^= 1;
        return flipped;
    }

    private void LeavePartial(ReadOnlySpan<byte> bytes)
    {
        Directory.CreateDirectory(Blobs);
        File.WriteAllBytes(Partial, bytes);
    }

    private sealed class Canceller(CancellationTokenSource stop) : IProgress<DownloadProgress>
    {
        public void Report(DownloadProgress value) => stop.Cancel();
    }
}
