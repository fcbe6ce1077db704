namespace LlmService.Hub.Cache;

/// <summary>Puts files in place in one step: a reader sees the old file or the new one, and a killed process leaves nothing half-done.</summary>
internal static class AtomicFile
{
    private const string TemporaryPattern = ".llm-service.*.tmp";

    private static readonly TimeSpan Abandoned = TimeSpan.FromDays(1);

    /// <summary>Makes a file beside its place and renames it into it.</summary>
    /// <param name="staging">A folder on the same disk where no client looks for files, such as a model's own folder. It is made and stays:
    /// writers that took an empty one away would take it from each other.</param>
    /// <param name="path">Where the file shall be; whatever is there is replaced.</param>
    /// <param name="create">Makes the file at the path that it is given.</param>
    public static void Publish(string staging, string path, Action<string> create)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        Directory.CreateDirectory(staging);
        string temporary = TemporaryPath(staging);
        try
        {
            create(temporary);
            File.Move(temporary, path, overwrite: true);
        }
        finally
        {
            File.Delete(temporary);
        }
    }

    /// <summary>Takes a folder out of its place in one step, then removes it.</summary>
    /// <param name="staging">As for <see cref="Publish"/>.</param>
    /// <param name="folder">The folder.</param>
    public static void RemoveFolder(string staging, string folder)
    {
        string temporary = TemporaryPath(staging);
        Directory.Move(folder, temporary);
        Directory.Delete(temporary, recursive: true);
    }

    /// <summary>Removes what killed processes left in a staging folder. Who is at work needs moments, so a day is old enough.</summary>
    /// <returns>Bytes that were freed.</returns>
    public static long RemoveAbandoned(string staging, DateTimeOffset now)
    {
        long freed = 0;
        foreach (FileSystemInfo entry in FolderContent.EntriesIn(staging, TemporaryPattern).Where(entry => now - entry.LastWriteTimeUtc > Abandoned))
        {
            if (entry is DirectoryInfo folder && entry.LinkTarget is null)
            {
                freed += FolderContent.Files(folder.FullName).Sum(FolderContent.OwnBytes);
                folder.Delete(recursive: true);
            }
            else
            {
                freed += FolderContent.OwnBytes(entry.FullName);
                entry.Delete();
            }
        }
        return freed;
    }

    private static string TemporaryPath(string staging) => Path.Combine(staging, TemporaryPattern.Replace("*", Guid.NewGuid().ToString("N"), StringComparison.Ordinal));
}
