using LlmService.Hub.Cache;

namespace LlmService.App.Cli;

/// <summary>What the commands of the cache share: settings, the cache itself, and the words for a folder that refuses.</summary>
internal sealed class CacheSession
{
    private CacheSession(ProcessContext context, AppOptions options)
    {
        Context = context;
        Options = options;
        Cache = new ModelCache(options.Hub.CacheFolder);
    }

    public ProcessContext Context { get; }

    public AppOptions Options { get; }

    public ModelCache Cache { get; }

    /// <summary>The models that were named, all of them ids of the Hub.</summary>
    public IReadOnlyList<ModelReference> Models => Options.Models;

    /// <summary>Reads the settings, runs the command, and explains a cache that cannot be used.</summary>
    public static async Task<int> RunAsync(ProcessContext context, IReadOnlyList<string> models, Func<CacheSession, CancellationToken, Task<int>> command)
    {
        CacheSession session = new(context, AppOptions.Read(context, new CommandLineValues { Models = models }));
        if (models.Count > 0 && session.Models.FirstOrDefault(m => m.Repository is null) is { } local)
        {
            throw new AppException(FailureCode.InvalidRequest, $"'{local.Text}' is {(local.IsDemo ? "built in" : "a folder")}; the cache holds models of the Hub.")
            {
                Parameter = "MODEL",
                Remedy = "Name a model of the Hub as owner/name, with an optional @revision.",
            };
        }
        using Interrupt interrupt = new();
        try
        {
            return await command(session, interrupt.Token);
        }
        catch (Exception e) when (e is UnauthorizedAccessException or DirectoryNotFoundException or FileNotFoundException || IsRefusal(e))
        {
            throw new AppException(FailureCode.Forbidden, $"A file or folder cannot be used: {e.Message}", e)
            {
                Diagnosis = "FileAccess",
                Remedy = $"Check the path and its permissions. The cache is '{session.Cache.Folder}'; HF_HOME chooses another{(session.Options.Tiles is { } tiles ? $". Packed weights lie in '{tiles.Folder}'; LLM_SERVICE_TILE_CACHE chooses another" : "")}.",
            };
        }
    }

    /// <summary>What the cache has of a model that the user named.</summary>
    /// <exception cref="AppException">model_not_found.</exception>
    public CachedModel Find(ModelReference model) => Cache.Find(model.Repository!.Value) ?? throw NotCached(model);

    /// <summary>The revision that the user wrote; null without one.</summary>
    public static string? RevisionOf(ModelReference model) => model.Text.Contains('@', StringComparison.Ordinal) ? model.Revision : null;

    /// <summary>The failure for what is not there.</summary>
    public AppException NotCached(ModelReference model) => new(FailureCode.ModelNotFound, $"'{model.Text}' is not in the cache '{Cache.Folder}'.")
    {
        Diagnosis = "NotCached",
        Remedy = "See what is there with 'list', or download it with 'pull'.",
    };

    /// <summary>Asks on a terminal; without one there is nobody to ask, and the command was given on purpose.</summary>
    public async Task<bool> ConfirmsAsync(string question, CancellationToken cancellationToken)
    {
        if (!Context.IsInteractive)
            return true;
        Context.Error.Write($"{question} [y/N] ");
        Context.Error.Flush();
        string? answer = await Interrupt.AskAsync(Context.In.ReadLine, cancellationToken);
        return answer?.Trim().ToUpperInvariant() is "Y" or "YES";
    }

    /// <summary>The failure for a question that was answered with no.</summary>
    public static AppException NotConfirmed() => new(FailureCode.Interrupted, "Nothing was removed.") { Diagnosis = "NotConfirmed", Remedy = "Answer y, or give --yes." };

    // A full disk has words of its own.
    private static bool IsRefusal(Exception e) => e is IOException io && Failures.From(io).Code != FailureCode.DiskFull;
}
