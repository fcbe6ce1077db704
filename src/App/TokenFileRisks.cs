using System.Text;
using System.Text.RegularExpressions;

namespace LlmService.App;

/// <summary>Who else may come to see a file that holds a token.</summary>
internal static class TokenFileRisks
{
    private const long MaxIgnoreFileBytes = 1024 * 1024;

    private static readonly TimeSpan MatchTimeout = TimeSpan.FromSeconds(1);

    /// <summary>Whether everybody on the machine may read it; false where the system has no such rights.</summary>
    public static bool IsWorldReadable(string path) =>
        !OperatingSystem.IsWindows() && File.Exists(path) && (File.GetUnixFileMode(path) & UnixFileMode.OtherRead) != 0;

    /// <summary>Whether it lies in a git work tree that does not ignore it.</summary>
    /// <remarks>git itself is not asked: it may be missing, and the configuration of a foreign work tree can make it run programs.</remarks>
    public static bool IsExposedToGit(string path)
    {
        List<string> folders = [];
        for (string? folder = Path.GetDirectoryName(Path.GetFullPath(path)); folder is not null; folder = Path.GetDirectoryName(folder))
        {
            folders.Insert(0, folder);
            if (Path.Exists(Path.Combine(folder, ".git")))
                return File.Exists(path) && !IsIgnored(folders, path);
        }
        return false;
    }

    // A folder that is ignored hides all below it, so the parts of the path are judged from the root on.
    private static bool IsIgnored(List<string> folders, string path)
    {
        string[] parts = [.. folders.Skip(1), path];
        for (int i = 0; i < parts.Length; i++)
        {
            bool ignored = false;
            bool isFolder = i < parts.Length - 1;
            foreach ((string folder, string pattern) in folders.Take(i + 1).SelectMany(Patterns))
            {
                if (Matches(Path.GetRelativePath(folder, parts[i]).Replace('\\', '/'), isFolder, pattern.TrimStart('!')))
                    ignored = pattern[0] != '!';
            }
            if (ignored)
                return true;
        }
        return false;
    }

    private static IEnumerable<(string Folder, string Pattern)> Patterns(string folder)
    {
        string[] files = [Path.Combine(folder, ".git", "info", "exclude"), Path.Combine(folder, ".gitignore")];
        return files.SelectMany(Read).Select(line => line.TrimEnd()).Where(line => line.Length > 0 && line[0] != '#').Select(line => (folder, line));
    }

    private static string[] Read(string path)
    {
        try
        {
            FileInfo file = new(path);
            return file.Exists && file.Length <= MaxIgnoreFileBytes ? File.ReadAllLines(path) : [];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    // gitignore(5): a slash anywhere but at the end ties the pattern to its folder; one at the end means folders only.
    private static bool Matches(string relative, bool isFolder, string pattern)
    {
        if (pattern.EndsWith('/') && !isFolder)
            return false;
        string body = pattern.TrimEnd('/');
        bool anchored = body.Contains('/', StringComparison.Ordinal);
        StringBuilder regex = new(anchored ? "^" : "^(.*/)?");
        body = body.TrimStart('/');
        for (int i = 0; i < body.Length; i++)
        {
            bool twoStars = body[i] == '*' && i + 1 < body.Length && body[i + 1] == '*';
            if (twoStars && i + 2 < body.Length && body[i + 2] == '/')
                (regex, i) = (regex.Append("(.*/)?"), i + 2);
            else if (twoStars)
                (regex, i) = (regex.Append(".*"), i + 1);
            else
                regex.Append(body[i] switch { '*' => "[^/]*", '?' => "[^/]", var c => Regex.Escape(c.ToString()) });
        }
        return Regex.IsMatch(relative, regex.Append('$').ToString(), RegexOptions.None, MatchTimeout);
    }
}
