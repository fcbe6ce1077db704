using System.Diagnostics;
using System.Globalization;
using LlmService.App.Check;
using LlmService.Hub;
using LlmService.Inference;
using LlmService.Inference.Configuration;
using LlmService.Inference.Kernels;

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
        HubToken? token = model.Repository is null ? null : options.Hub.Token;
        if (token is not null)
            log.WriteLine("[LLM] Using Hugging Face authentication");
        log.Flush();
        (string folder, ModelRepository? repository) = await FindFolderAsync(model, report, cancellationToken);
        report("loading weights");
        LlmEngine engine = await Task.Run(() => ModelPlan.Told(model, folder, () => LlmEngine.Load(folder, EngineOptionsOf(options, workers))), cancellationToken);
        TimeSpan elapsed = options.Hub.TimeProvider.GetElapsedTime(started);
        log.WriteLine("[LLM] Model loaded successfully");
        WriteDetails(engine, token, repository, elapsed);
        return engine;
    }

    private void WriteDetails(LlmEngine engine, HubToken? token, ModelRepository? repository, TimeSpan elapsed)
    {
        if (token is not null)
        {
            string verdict = repository!.TokenRefused ? " (refused by the Hub; the model is public and was read without it)" : "";
            log.WriteLine($"[LLM] Token: {token.Source}{verdict}");
        }
        if (repository is not null)
            log.WriteLine($"[LLM] Commit: {repository.Commit}{(repository.FromCacheOnly ? " (from the cache)" : "")}");
        log.WriteLine(string.Create(CultureInfo.InvariantCulture, $"[LLM] Architecture: {engine.Model.Architecture}, {engine.Model.ParameterCount / 1e6:0.##} M parameters"));
        log.WriteLine($"[LLM] Precision: {engine.Model.Precision} (weights stored as {engine.Model.StoredPrecision})");
        using Process process = Process.GetCurrentProcess();
        log.WriteLine(string.Create(CultureInfo.InvariantCulture, $"[LLM] Ready after {elapsed.TotalSeconds:0.00} s, memory {process.WorkingSet64 / 1048576.0:0} MB"));
        log.Flush();
    }

    private async Task<(string Folder, ModelRepository? Repository)> FindFolderAsync(ModelReference model, Action<string> report, CancellationToken cancellationToken)
    {
        if (model.Folder is { } folder)
        {
            Plan(model, ModelFiles.OfFolder(model.Text, folder), folder, null);
            return (folder, null);
        }
        report("asking the Hub");
        using HubClient client = new(options.Hub);
        ModelRepository repository = await client.OpenAsync(model.Repository!.Value, model.Revision, cancellationToken);

        // 1. The small files decide whether the model can run at all; 2. only then do weights move.
        ModelFiles files = ModelFiles.OfRepository(model.Text, repository);
        files.RequireConfiguration(options.SkipTokenizerInit);
        string snapshot = await repository.DownloadAsync(files.FilesBeforeWeights, null, cancellationToken);
        ModelPlan plan = Plan(model, files, snapshot, repository.Card);
        report("downloading weights");
        await repository.DownloadAsync(plan.Weights, new ReportingProgress(progress, report), cancellationToken);
        progress.Complete();
        return (snapshot, repository);
    }

    /// <summary>The engine's options of a run.</summary>
    public static EngineOptions EngineOptionsOf(AppOptions options, WorkerPool workers) => new()
    {
        Workers = workers,
        MaxModelLength = options.MaxModelLength,
        SkipTokenizer = options.SkipTokenizerInit,
        TimeProvider = options.Hub.TimeProvider,
    };

    private ModelPlan Plan(ModelReference model, ModelFiles files, string folder, RepositoryCard? card)
    {
        ModelConfiguration configuration = ModelPlan.ReadConfiguration(model, files, folder, options);
        ModelPlan plan = ModelPlan.Read(model, files, folder, configuration, card, options);
        plan.RequireMemory(model);
        return plan;
    }

    private sealed class ReportingProgress(DownloadReport inner, Action<string> report) : IProgress<DownloadProgress>
    {
        public void Report(DownloadProgress value)
        {
            report(string.Create(CultureInfo.InvariantCulture, $"downloading weights, {value.TotalBytesReceived / 1e6:0} of {value.TotalSizeBytes / 1e6:0} MB"));
            inner.Report(value);
        }
    }
}
