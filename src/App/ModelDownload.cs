using LlmService.App.Check;
using LlmService.Hub;
using LlmService.Inference.Weights;

namespace LlmService.App;

/// <summary>The one way from a model of the Hub to a folder in the cache: first the small files, which decide, only then the weights.</summary>
/// <param name="client">The Hub.</param>
/// <param name="options">Settings.</param>
/// <param name="progress">Told how far the weights are.</param>
internal sealed class ModelDownload(HubClient client, AppOptions options, DownloadReport progress)
{
    /// <summary>Downloads what is not cached yet.</summary>
    /// <param name="model">A model of the Hub.</param>
    /// <param name="plan">Looks at the small files, in the folder that it is given, and names the weights; throws when the model is not worth them.</param>
    /// <param name="report">Told what is being done.</param>
    /// <param name="cancellationToken">Stops the download; what arrived is kept.</param>
    public async Task<DownloadedModel> RunAsync(
        ModelReference model, Func<ModelRepository, ModelFiles, string, ModelPlan> plan, Action<string> report, CancellationToken cancellationToken)
    {
        report("asking the Hub");
        ModelRepository repository = await client.OpenAsync(model.Repository!.Value, model.Revision, cancellationToken);
        ModelFiles files = ModelFiles.OfRepository(model.Text, repository);
        WeightChoice? choice = ModelPlan.Choose(files, options);
        files.RequireConfiguration(choice, options.SkipTokenizerInit);
        IReadOnlyList<string> first = files.FilesBeforeWeights(choice);
        await repository.DownloadAsync(first, null, cancellationToken);
        ModelPlan planned = choice?.IsSelfContained == true
            ? await WeightHeaders.ReadAsync(repository, choice, folder => plan(repository, files, folder), cancellationToken)
            : plan(repository, files, repository.SnapshotFolder);
        string[] weights = [.. planned.Weights, .. planned.Modules];
        report("downloading weights");
        await repository.DownloadAsync(weights, new ReportedProgress(progress, report), cancellationToken);
        progress.Complete();
        return new DownloadedModel(repository, planned.Choice, [.. first.Concat(weights).Order(StringComparer.Ordinal)]);
    }

    private sealed class ReportedProgress(DownloadReport inner, Action<string> report) : IProgress<DownloadProgress>
    {
        public void Report(DownloadProgress value)
        {
            report($"downloading weights, {Sizes.Format(value.TotalBytesReceived)} of {Sizes.Format(value.TotalSizeBytes)}");
            inner.Report(value);
        }
    }
}

/// <summary>A model that is in the cache now.</summary>
/// <param name="Repository">The repository; its snapshot folder is the one to load from.</param>
/// <param name="Weights">The set of weights that was chosen.</param>
/// <param name="Files">The files that a load needs.</param>
internal sealed record DownloadedModel(ModelRepository Repository, WeightChoice Weights, IReadOnlyList<string> Files);
