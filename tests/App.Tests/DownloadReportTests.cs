using LlmService.Hub;

namespace LlmService.App.Tests;

public sealed class DownloadReportTests : IDisposable
{
    private readonly StringWriter _writer = new() { NewLine = "\n" };
    private readonly ManualClock _clock = new();

    public void Dispose() => _writer.Dispose();

    [Fact]
    public void Report_Terminal_RewritesOneBar()
    {
        var report = new DownloadReport(_writer, isTerminal: true, _clock);

        report.Report(Progress(0));
        _clock.Advance(TimeSpan.FromMilliseconds(100));
        report.Report(Progress(100));
        _clock.Advance(TimeSpan.FromMilliseconds(200));
        report.Report(Progress(500, rate: 2e6, left: TimeSpan.FromSeconds(250)));
        report.Complete();

        Assert.Equal(
            "\r\u001b[K[........................]   0 % 0 B of 1.00 GB model.safetensors"
            + "\r\u001b[K[############............]  50 % 500.0 MB of 1.00 GB, 2.0 MB/s, 4:10 left model.safetensors\n",
            _writer.ToString());
    }

    [Fact]
    public void Report_NarrowTerminal_StaysOnOneLine()
    {
        var report = new DownloadReport(_writer, isTerminal: true, _clock, () => 30);

        report.Report(Progress(0));

        Assert.Equal("\r\u001b[K[........................]   ", _writer.ToString());
    }

    [Fact]
    public void Report_Log_WritesALineEveryFewSecondsAndASummary()
    {
        var report = new DownloadReport(_writer, isTerminal: false, _clock);

        report.Report(Progress(200));
        for (int second = 1; second <= 6; second++)
        {
            _clock.Advance(TimeSpan.FromSeconds(1));
            report.Report(Progress(200 + (100 * second), rate: 1e8, left: TimeSpan.FromSeconds(8 - second)));
        }
        _clock.Advance(TimeSpan.FromSeconds(2));
        report.Report(Progress(1000, rate: 1e8));
        report.Complete();

        Assert.Equal(
            """
            model.safetensors: 200.0 MB of 1.00 GB; in all 200.0 MB of 1.00 GB (20 %)
            model.safetensors: 700.0 MB of 1.00 GB; in all 700.0 MB of 1.00 GB (70 %), 100.0 MB/s, 0:03 left
            Downloaded 800.0 MB in 8.0 s, 100.0 MB/s

            """.ReplaceLineEndings("\n"),
            _writer.ToString().ReplaceLineEndings("\n"));
    }

    [Fact]
    public void Report_AllWasCached_IsSilent()
    {
        foreach (bool terminal in new[] { false, true })
        {
            var report = new DownloadReport(_writer, terminal, _clock);
            report.Report(Progress(1000));
            report.Complete();
        }

        Assert.Empty(_writer.ToString());
    }

    private static DownloadProgress Progress(int megabytes, double rate = 0, TimeSpan? left = null) =>
        new("model.safetensors", megabytes * 1_000_000L, 1_000_000_000, megabytes * 1_000_000L, 1_000_000_000, rate, left);

    private sealed class ManualClock : TimeProvider
    {
        // Zero means "never" to who keeps a timestamp, so the clock does not begin there.
        private long _ticks = 1;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => _ticks;

        public void Advance(TimeSpan time) => _ticks += time.Ticks;
    }
}
