using System.Diagnostics;
using System.Globalization;
using LlmService.App.Check;
using LlmService.Hub;
using LlmService.Inference;
using LlmService.Inference.Kernels;
using LlmService.Inference.Weights;

namespace LlmService.App;

/// <summary>Turns a model reference into an engine: finds or downloads the folder, loads it, and tells so line by line.</summary>
/// <param name="options">Settings.</param>
/// <param name="workers">The threads that all models share.</param>
/// <param name="log">Where the <c>[LLM]</c> lines go.</param>
/// <param name="progress">Where download progress goes.</param>
internal sealed class ModelLoading(AppOptions options, WorkerPool workers, TextWriter log, DownloadReport progress)
{
    /// <summary>Loads one model.</summary>
    public async Task<LlmEngine> LoadAsync(ModelReference model, Action<string> report, CancellationToken cancellationToken)
    {
        long started = options.Hub.TimeProvider.GetTimestamp();
        log.WriteLine($"[LLM] Loading model: {model.Text}...");
        HubToken? token = model.Repository is null ? null : await options.Hub.FindTokenAsync(model.Repository, cancellationToken);
        if (token is not null)
            log.WriteLine("[LLM] Using Hugging Face authentication");
        log.Flush();
        (string folder, WeightChoice weights, ModelRepository? repository) = await FindFolderAsync(model, report, cancellationToken);
        report("loading weights");
        LlmEngine engine = await Task.Run(() => ModelPlan.Told(model, folder, () => LlmEngine.Load(folder, EngineOptionsOf(options, workers, weights))), cancellationToken);
        TimeSpan elapsed = options.Hub.TimeProvider.GetElapsedTime(started);
        log.WriteLine("[LLM] Model loaded successfully");
        if (engine.ChatTemplateFailure is { } failure)
            log.WriteLine($"[LLM] Warning: {Failures.From(failure).Message} Chats with this model are refused.");
        WriteDetails(engine, token, weights, repository, elapsed);
        return engine;
    }

    private void WriteDetails(LlmEngine engine, HubToken? token, WeightChoice weights, ModelRepository? repository, TimeSpan elapsed)
    {
        if (token is not null)
        {
            HubException? refused = repository!.RefusedToken;
            log.WriteLine($"[LLM] Token: {(refused is null ? token.Source : $"{RefusedToken.Describe(token.Source, refused.Diagnosis)} The model was read without it.")}");
        }
        if (repository is not null)
            log.WriteLine($"[LLM] Commit: {repository.Commit}{(repository.FromCacheOnly ? $" (from the cache{(repository.Unreachable is { } why && !options.Hub.Offline ? $": {why.Message}" : "")})" : "")}");
        log.WriteLine(string.Create(CultureInfo.InvariantCulture, $"[LLM] Architecture: {engine.Model.Architecture}, {engine.Model.ParameterCount / 1e6:0.##} M parameters"));
        log.WriteLine($"[LLM] Precision: {engine.Model.Precision} (weights stored as {engine.Model.StoredPrecision}, {weights.Name})");
        using Process process = Process.GetCurrentProcess();
        log.WriteLine(string.Create(CultureInfo.InvariantCulture, $"[LLM] Ready after {elapsed.TotalSeconds:0.00} s, memory {process.WorkingSet64 / 1048576.0:0} MB"));
        log.Flush();
    }

    private async Task<(string Folder, WeightChoice Weights, ModelRepository? Repository)> FindFolderAsync(ModelReference model, Action<string> report, CancellationToken cancellationToken)
    {
        if (model.Folder is { } folder)
        {
            return (folder, Plan(model, ModelFiles.OfFolder(model), folder, null).Choice, null);
        }
        using HubClient client = new(options.Hub);
        DownloadedModel downloaded = await new ModelDownload(client, options, progress).RunAsync(
            model, (repository, files, snapshot) => Plan(model, files, snapshot, repository.Card), report, cancellationToken);
        return (downloaded.Repository.SnapshotFolder, downloaded.Weights, downloaded.Repository);
    }

    /// <summary>The engine's options of a run.</summary>
    public static EngineOptions EngineOptionsOf(AppOptions options, WorkerPool workers, WeightChoice weights) => new()
    {
        Workers = workers,
        Weights = weights,
        Format = options.FormatFor(weights),
        Kernels = options.Kernels,
        TileCache = options.Tiles,
        ExactOnnxArithmetic = options.IsExact(weights),
        MaxModelLength = options.MaxModelLength,
        SkipTokenizer = options.SkipTokenizerInit,
        TimeProvider = options.Hub.TimeProvider,
    };

    private ModelPlan Plan(ModelReference model, ModelFiles files, string folder, RepositoryCard? card)
    {
        ModelPlan plan = ModelPlan.Of(model, files, folder, card, options);
        plan.RequireMemory(model);
        return plan;
    }
}
