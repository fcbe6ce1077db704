using LlmService.Hub;

namespace LlmService.App;

/// <summary>Finds the Hub token among the places where users keep it.</summary>
internal static class HubTokens
{
    private static readonly string[] Names = ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HUGGINGFACE_TOKEN"];

    private const long MaxFileBytes = 64 * 1024;

    /// <summary>The first token of: the environment, <c>.env</c>, the token file. In the first two each name is read directly, then by <c>NAME_FILE</c>.</summary>
    /// <param name="settings">The variables.</param>
    /// <param name="home">The Hub's home folder.</param>
    /// <param name="workingDirectory">Where relative paths begin.</param>
    /// <param name="mistakes">Receives a sentence for each named file that cannot be read.</param>
    public static HubToken? Find(Settings settings, string home, string workingDirectory, ICollection<string> mistakes)
    {
        Func<string, Setting?>[] layers = [settings.FromEnvironment, settings.FromDotEnv];
        foreach (Func<string, Setting?> layer in layers)
        {
            foreach (string name in Names)
            {
                if ((layer(name) ?? FromNamedFile(layer(name + "_FILE"), workingDirectory, mistakes)) is { } found)
                    return new(found.Value, found.Source);
            }
        }
        string path = settings.Variable("HF_TOKEN_PATH")?.Value ?? Path.Combine(home, "token");
        return ReadFile(Path.GetFullPath(path, workingDirectory), $"file {path}", mistakes) is { } stored ? new(stored.Value, stored.Source) : null;
    }

    private static Setting? FromNamedFile(Setting? name, string workingDirectory, ICollection<string> mistakes)
    {
        if (name is null)
            return null;
        string path = Path.GetFullPath(name.Value, workingDirectory);
        if (!File.Exists(path))
        {
            mistakes.Add($"The {name.Source} names '{path}', which does not exist.");
            return null;
        }
        return ReadFile(path, $"file {path} ({name.Source})", mistakes);
    }

    private static Setting? ReadFile(string path, string source, ICollection<string> mistakes)
    {
        try
        {
            FileInfo file = new(path);
            return file.Exists && file.Length <= MaxFileBytes ? Settings.Clean(File.ReadAllText(path), source) : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            mistakes.Add($"The token's {source} cannot be read; check its permissions.");
            return null;
        }
    }
}
