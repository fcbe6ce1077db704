namespace LlmService.Benchmarks;

/// <summary>Where the repository lies, in which the benchmarks run.</summary>
internal static class RepositoryFolder
{
    public static string Find()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !Directory.Exists(Path.Combine(folder.FullName, "tests", "Fixtures"))) folder = folder.Parent;
        return folder?.FullName ?? throw new InvalidOperationException("The benchmarks run inside the repository.");
    }
}
