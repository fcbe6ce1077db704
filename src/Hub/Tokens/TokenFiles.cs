using System.Collections.Concurrent;

namespace LlmService.Hub.Tokens;

/// <summary>Reads the files that hold tokens, anew at every call, so that a replaced secret counts at once.</summary>
internal sealed class TokenFiles
{
    private const int MaxBytes = 1024 * 1024;

    // What a pipe gave (HF_TOKEN_FILE=<(command)) can be read only once.
    private readonly ConcurrentDictionary<string, string> _pipes = new(StringComparer.Ordinal);

    /// <summary>The content; null when there is no such file.</summary>
    /// <exception cref="IOException">It cannot be read, or is longer than 1 MiB.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read.</exception>
    public string? Read(string path)
    {
        if (_pipes.TryGetValue(path, out string? remembered))
            return remembered;
        try
        {
            // Delete and Write are shared: others replace these files at any time.
            using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            string text = Read(stream);
            if (!stream.CanSeek)
                _pipes[path] = text;
            return text;
        }
        catch (Exception absent) when (absent is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    private static string Read(FileStream stream)
    {
        byte[] buffer = new byte[MaxBytes + 1];
        int length = stream.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);
        if (length > MaxBytes)
            throw new IOException($"The file is longer than {MaxBytes} bytes.");
        // The reader knows the marks that editors and shells put in front (UTF-8, UTF-16).
        using StreamReader reader = new(new MemoryStream(buffer, 0, length));
        return reader.ReadToEnd();
    }
}
