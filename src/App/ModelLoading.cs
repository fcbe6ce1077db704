using System.Diagnostics;
using System.Globalization;
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
        HubToken? token = model.Repository is null ? null : await options.Hub.FindTokenAsync(model.Repository, cancellationToken);
        if (token is not null)
            log.WriteLine("[LLM] Using Hugging Face authentication");
        log.Flush();
        (string folder, ModelRepository? repository) = await FindFolderAsync(model, report, cancellationToken);
        report("loading weights");
        EngineOptions engineOptions = new()
        {
            Workers = workers,
            MaxModelLength = options.MaxModelLength,
            SkipTokenizer = options.SkipTokenizerInit,
            TimeProvider = options.Hub.TimeProvider,
        };
        LlmEngine engine = await Task.Run(() => LlmEngine.Load(folder, engineOptions), cancellationToken);
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
            CheckFolder(model, folder);
            return (folder, null);
        }
        report("asking the Hub");
        using HubClient client = new(options.Hub);
        ModelRepository repository = await client.OpenAsync(model.Repository!.Value, model.Revision, cancellationToken);

        // 1. The small files decide whether the model can run at all; 2. only then do weights move.
        NeededFiles files = new(model, repository);
        string snapshot = await files.DownloadSmallAsync(cancellationToken);
        ModelConfiguration.Load(snapshot);
        IReadOnlyList<string> weights = files.Weights(snapshot, options.SkipTokenizerInit);
        report("downloading weights");
        await repository.DownloadAsync(weights, new ReportingProgress(progress, report), cancellationToken);
        progress.Complete();
        return (snapshot, repository);
    }

    private static void CheckFolder(ModelReference model, string folder)
    {
        if (!Directory.Exists(folder))
        {
            throw new AppException(FailureCode.ModelNotFound, $"Model not found: there is no folder '{folder}'.")
            {
                Remedy = "Check the path. A model of the Hub is written owner/name, without ./ in front.",
            };
        }
        if (!File.Exists(Path.Combine(folder, "config.json")))
            throw NeededFiles.Missing(model, Path.Combine(folder, "config.json"), "a config.json", "Name the folder that holds config.json, model.safetensors and tokenizer.json.");
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
