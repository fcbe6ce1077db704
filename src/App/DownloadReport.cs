using System.Globalization;
using LlmService.Hub;

namespace LlmService.App;

/// <summary>Shows a download on standard error: a bar that rewrites itself on a terminal, a line every few seconds in a log.</summary>
internal sealed class DownloadReport(TextWriter writer, bool isTerminal, TimeProvider timeProvider, Func<int>? width = null) : IProgress<DownloadProgress>
{
    private const int BarWidth = 24;
    private const int NameWidth = 32;

    private static readonly TimeSpan TerminalPause = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan LogPause = TimeSpan.FromSeconds(5);

    private readonly Lock _lock = new();
    private long _started;
    private long _last;
    private long _before;
    private bool _open;
    private DownloadProgress _latest;

    /// <summary>On the standard error of a command.</summary>
    public static DownloadReport To(ProcessContext context) => new(context.Error, context.IsErrorTerminal, context.TimeProvider, context.ErrorWidth);

    public void Report(DownloadProgress value)
    {
        lock (_lock)
        {
            _latest = value;
            if (_started == 0)
            {
                // What the cache had already is neither shown nor counted.
                if (value.TotalBytesReceived >= value.TotalSizeBytes)
                    return;
                _started = timeProvider.GetTimestamp();
                _before = value.TotalBytesReceived;
            }
            if (_last != 0 && timeProvider.GetElapsedTime(_last) < (isTerminal ? TerminalPause : LogPause))
                return;
            _last = timeProvider.GetTimestamp();
            writer.Write(isTerminal ? $"\r\u001b[K{Fit(Bar(value))}" : Line(value) + Environment.NewLine);
            writer.Flush();
            _open = isTerminal;
        }
    }

    /// <summary>Ends the bar, and says in a log what the download took.</summary>
    public void Complete()
    {
        lock (_lock)
        {
            if (_open)
                writer.WriteLine();
            else if (_started != 0 && _latest.TotalBytesReceived >= _latest.TotalSizeBytes)
                writer.WriteLine(Summary(timeProvider.GetElapsedTime(_started)));
            writer.Flush();
            (_open, _started, _last) = (false, 0, 0);
        }
    }

    // A line that wraps could not be rewritten.
    private string Fit(string line) => width?.Invoke() is { } columns && line.Length >= columns ? line[..Math.Max(0, columns - 1)] : line;

    private static string Bar(DownloadProgress value)
    {
        int filled = (int)(BarWidth * Part(value));
        string name = value.File.Length <= NameWidth ? value.File : "…" + value.File[^(NameWidth - 1)..];
        return string.Create(CultureInfo.InvariantCulture,
            $"[{new string('#', filled)}{new string('.', BarWidth - filled)}] {100 * Part(value),3:0} % {Sizes.Format(value.TotalBytesReceived)} of {Sizes.Format(value.TotalSizeBytes)}{Speed(value)} {name}");
    }

    private static string Line(DownloadProgress value) => string.Create(CultureInfo.InvariantCulture,
        $"{value.File}: {Sizes.Format(value.FileBytesReceived)} of {Sizes.Format(value.FileSizeBytes)}; in all {Sizes.Format(value.TotalBytesReceived)} of {Sizes.Format(value.TotalSizeBytes)} ({100 * Part(value):0} %){Speed(value)}");

    private string Summary(TimeSpan elapsed)
    {
        long moved = _latest.TotalBytesReceived - _before;
        string rate = elapsed > TimeSpan.Zero ? $", {Sizes.Format((decimal)(moved / elapsed.TotalSeconds))}/s" : "";
        return string.Create(CultureInfo.InvariantCulture, $"Downloaded {Sizes.Format(moved)} in {elapsed.TotalSeconds:0.0} s{rate}");
    }

    private static string Speed(DownloadProgress value) =>
        value.BytesPerSecond <= 0 ? "" : $", {Sizes.Format((decimal)value.BytesPerSecond)}/s{(value.TimeLeft is { } left && left > TimeSpan.Zero ? $", {Time(left)} left" : "")}";

    private static string Time(TimeSpan time) => time.TotalHours >= 1
        ? string.Create(CultureInfo.InvariantCulture, $"{(int)time.TotalHours}:{time.Minutes:00}:{time.Seconds:00}")
        : string.Create(CultureInfo.InvariantCulture, $"{time.Minutes}:{time.Seconds:00}");

    private static double Part(DownloadProgress value) =>
        value.TotalSizeBytes == 0 ? 1 : Math.Clamp((double)value.TotalBytesReceived / value.TotalSizeBytes, 0, 1);
}
