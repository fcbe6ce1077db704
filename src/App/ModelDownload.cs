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
        string[] first = [.. files.FilesBeforeWeights, .. choice?.Index is { } index ? [index] : Array.Empty<string>()];
        await repository.DownloadAsync(first, null, cancellationToken);
        ModelPlan planned = choice?.IsSelfContained == true
            ? await PlanByHeaderAsync(repository, files, choice, plan, cancellationToken)
            : plan(repository, files, repository.SnapshotFolder);
        report("downloading weights");
        await repository.DownloadAsync(planned.Weights, new ReportedProgress(progress, report), cancellationToken);
        progress.Complete();
        return new DownloadedModel(repository, planned.Choice, [.. first.Concat(planned.Weights).Order(StringComparer.Ordinal)]);
    }

    /// <summary>Where the weights themselves tell what they are, their header comes first, into a folder beside the cache.</summary>
    private static async Task<ModelPlan> PlanByHeaderAsync(
        ModelRepository repository, ModelFiles files, WeightChoice choice, Func<ModelRepository, ModelFiles, string, ModelPlan> plan, CancellationToken cancellationToken)
    {
        string folder = Directory.CreateTempSubdirectory("llm-service-header-").FullName;
        try
        {
            await WeightHeaders.BringConfigurationAsync(repository, choice, folder, cancellationToken);
            return plan(repository, files, folder);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
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
