namespace LlmService.Hub;

/// <summary>How far a download is; reported at most some ten times a second, and once at the end of each file.</summary>
/// <param name="File">The file that moved last.</param>
/// <param name="FileBytesReceived">Bytes of that file on disk.</param>
/// <param name="FileSizeBytes">Size of that file.</param>
/// <param name="TotalBytesReceived">Bytes of all files of this call on disk.</param>
/// <param name="TotalSizeBytes">Bytes of all files of this call.</param>
/// <param name="BytesPerSecond">Bytes that came over the network a second, over the last seconds; 0 while nothing moves.</param>
/// <param name="TimeLeft">How long the rest takes at that rate; null while that cannot be told.</param>
public readonly record struct DownloadProgress(
    string File,
    long FileBytesReceived,
    long FileSizeBytes,
    long TotalBytesReceived,
    long TotalSizeBytes,
    double BytesPerSecond = 0,
    TimeSpan? TimeLeft = null);
