namespace LlmService.Hub.Cache;

/// <summary>Puts files in place in one step: a reader sees the old file or the new one, and a killed process leaves nothing half-done.</summary>
internal static class AtomicFile
{
    private const int MaxTries = 100;

    /// <summary>Makes a file beside its place and renames it into it.</summary>
    /// <param name="staging">A folder on the same disk, where nobody looks for files. It is gone again when nobody uses it.</param>
    /// <param name="path">Where the file shall be; whatever is there is replaced.</param>
    /// <param name="create">Makes the file at the path that it is given.</param>
    public static void Publish(string staging, string path, Action<string> create)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        string temporary = Path.Combine(staging, Guid.NewGuid().ToString("N"));
        try
        {
            CreateIn(staging, temporary, create);
            File.Move(temporary, path, overwrite: true);
        }
        finally
        {
            Leave(staging, temporary);
        }
    }

    /// <summary>Takes a folder out of its place in one step, then removes it.</summary>
    public static void RemoveFolder(string staging, string folder)
    {
        string temporary = Path.Combine(staging, Guid.NewGuid().ToString("N"));
        CreateIn(staging, temporary, path => Directory.Move(folder, path));
        Directory.Delete(temporary, recursive: true);
        Leave(staging, temporary);
    }

    private static void CreateIn(string staging, string temporary, Action<string> create)
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                Directory.CreateDirectory(staging);
                create(temporary);
                return;
            }
            catch (IOException) when (attempt < MaxTries)
            {
                // Another writer took the empty folder away while it was made or filled, which every call reports in its own way.
            }
        }
    }

    private static void Leave(string staging, string temporary)
    {
        try
        {
            File.Delete(temporary);
            Directory.Delete(staging);
        }
        catch (IOException)
        {
            // Somebody else still uses it, or has removed it.
        }
        catch (UnauthorizedAccessException)
        {
            // An empty folder that stays does no harm.
        }
    }
}
