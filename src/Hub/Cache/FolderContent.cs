using System.IO.Enumeration;

namespace LlmService.Hub.Cache;

/// <summary>Looks into folders of the cache, which other programs may change meanwhile and in which anybody may have put links.</summary>
internal static class FolderContent
{
    private const int MaxDepth = 64;

    private static readonly EnumerationOptions Everything = new() { AttributesToSkip = 0, IgnoreInaccessible = true };

    /// <summary>The files of a folder and of all folders in it, links to files included. Links to folders are not followed.</summary>
    public static IEnumerable<string> Files(string folder)
    {
        if (!Directory.Exists(folder))
            return [];
        var options = new EnumerationOptions
        {
            RecurseSubdirectories = true,
            MaxRecursionDepth = MaxDepth,
            AttributesToSkip = 0,
            IgnoreInaccessible = true,
        };
        return new FileSystemEnumerable<string>(folder, (ref FileSystemEntry entry) => entry.ToFullPath(), options)
        {
            ShouldIncludePredicate = (ref FileSystemEntry entry) => !entry.IsDirectory,
            ShouldRecursePredicate = (ref FileSystemEntry entry) => !entry.Attributes.HasFlag(FileAttributes.ReparsePoint),
        };
    }

    /// <summary>The files directly in a folder.</summary>
    public static IEnumerable<FileInfo> FilesIn(string folder) => Directory.Exists(folder) ? new DirectoryInfo(folder).EnumerateFiles() : [];

    /// <summary>Files and folders directly in a folder whose names match.</summary>
    public static IEnumerable<FileSystemInfo> EntriesIn(string folder, string pattern) =>
        Directory.Exists(folder) ? [.. new DirectoryInfo(folder).EnumerateFileSystemInfos(pattern, Everything)] : [];

    /// <summary>The folders directly in a folder.</summary>
    public static IEnumerable<DirectoryInfo> FoldersIn(string folder) => Directory.Exists(folder) ? new DirectoryInfo(folder).EnumerateDirectories() : [];

    /// <summary>Where a link points to, not followed further; null for a file that is no link.</summary>
    public static string? LinkTarget(string path) =>
        new FileInfo(path).LinkTarget is { } target ? Path.GetFullPath(target, Path.GetDirectoryName(Path.GetFullPath(path))!) : null;

    /// <summary>Bytes that a file takes of its own: none for a link.</summary>
    public static long OwnBytes(string path)
    {
        var file = new FileInfo(path);
        return file.Exists && file.LinkTarget is null ? file.Length : 0;
    }
}
