namespace LlmService.Hub;

/// <summary>Which paths from the network may become paths on disk, on every operating system.</summary>
internal static class SafePath
{
    private const int MaxLength = 1024;
    private const int MaxSegmentLength = 255;

    private static readonly HashSet<string> DeviceNames = new(StringComparer.OrdinalIgnoreCase)
    {
        "CON", "PRN", "AUX", "NUL", "CLOCK$", "CONIN$", "CONOUT$",
        "COM0", "COM1", "COM2", "COM3", "COM4", "COM5", "COM6", "COM7", "COM8", "COM9",
        "LPT0", "LPT1", "LPT2", "LPT3", "LPT4", "LPT5", "LPT6", "LPT7", "LPT8", "LPT9",
    };

    public static bool IsSafe(string path) =>
        path.Length is > 0 and <= MaxLength && path.Split('/').All(IsSafeSegment);

    private static bool IsSafeSegment(string segment) =>
        segment.Length is > 0 and <= MaxSegmentLength
        && segment is not ("." or "..")
        && segment[^1] is not ('.' or ' ')
        && !segment.Any(c => char.IsControl(c) || c is '\\' or ':' or '*' or '?' or '"' or '<' or '>' or '|')
        && !DeviceNames.Contains(segment.Split('.')[0].TrimEnd(' '));
}
