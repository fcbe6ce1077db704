using System.Globalization;
using LlmService.Hub;

namespace LlmService.App;

/// <summary>Shows a download on standard error: one line that rewrites itself on a terminal, a line every few seconds in a log.</summary>
internal sealed class DownloadReport(TextWriter writer, bool isTerminal, TimeProvider timeProvider) : IProgress<DownloadProgress>
{
    private readonly Lock _lock = new();
    private long _last;
    private bool _open;

    public void Report(DownloadProgress value)
    {
        lock (_lock)
        {
            TimeSpan pause = isTerminal ? TimeSpan.FromMilliseconds(200) : TimeSpan.FromSeconds(5);
            if (_last != 0 && timeProvider.GetElapsedTime(_last) < pause)
                return;
            _last = timeProvider.GetTimestamp();
            string line = string.Create(CultureInfo.InvariantCulture,
                $"{value.File}: {value.TotalBytesReceived / 1e6:0.0} of {value.TotalSizeBytes / 1e6:0.0} MB ({Percent(value):0} %)");
            writer.Write(isTerminal ? $"\r\u001b[K{line}" : line + Environment.NewLine);
            writer.Flush();
            _open = isTerminal;
        }
    }

    /// <summary>Ends the line that rewrites itself.</summary>
    public void Complete()
    {
        lock (_lock)
        {
            if (_open)
                writer.WriteLine();
            _open = false;
        }
    }

    private static double Percent(DownloadProgress value) =>
        value.TotalSizeBytes == 0 ? 100 : 100.0 * value.TotalBytesReceived / value.TotalSizeBytes;
}
