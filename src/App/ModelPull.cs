using LlmService.App.Check;
using LlmService.Hub;

namespace LlmService.App;

/// <summary>Brings what a load of a model needs into the cache, without loading it. What no load could use is refused before its weights move;
/// only the memory is not judged, for the model may be for another machine.</summary>
/// <param name="client">The Hub.</param>
/// <param name="options">Settings.</param>
/// <param name="progress">Told how far the weights are.</param>
/// <param name="warnings">Where warnings go.</param>
internal sealed class ModelPull(HubClient client, AppOptions options, DownloadReport progress, TextWriter warnings)
{
    /// <summary>Downloads what is not cached yet.</summary>
    /// <param name="model">A model of the Hub.</param>
    /// <param name="cancellationToken">Stops the download; what arrived is kept.</param>
    public async Task<DownloadedModel> RunAsync(ModelReference model, CancellationToken cancellationToken)
    {
        DownloadedModel downloaded = await new ModelDownload(client, options, progress).RunAsync(
            model, (repository, files, folder) => ModelPlan.Of(model, files, folder, repository.Card, options), _ => { }, cancellationToken);
        ModelRepository repository = downloaded.Repository;
        if (repository.RefusedToken is { } refused)
            warnings.WriteLine($"warning: the model is public and was read without the token. {RefusedToken.Describe(refused.TokenSource ?? "the token", refused.Diagnosis)}");
        if (repository.Unreachable is { } unreachable)
            warnings.WriteLine($"warning: {unreachable.Message} The cache stands in: commit {repository.Commit}.");
        return downloaded;
    }
}
