using LlmService.App.Check;
using LlmService.Hub;
using LlmService.Inference;
using LlmService.Inference.Configuration;

namespace LlmService.App;

/// <summary>Brings what a load of a model needs into the cache, without loading it.</summary>
/// <param name="client">The Hub.</param>
/// <param name="warnings">Where warnings go.</param>
/// <param name="progress">Told how far the download is.</param>
internal sealed class ModelPull(HubClient client, TextWriter warnings, DownloadReport progress)
{
    /// <summary>Downloads what is not cached yet.</summary>
    /// <param name="model">A model of the Hub.</param>
    /// <param name="skipTokenizer">Whether the model is usable without a tokenizer.</param>
    /// <param name="cancellationToken">Stops the download; what arrived is kept.</param>
    public async Task<PulledModel> RunAsync(ModelReference model, bool skipTokenizer, CancellationToken cancellationToken)
    {
        ModelRepository repository = await client.OpenAsync(model.Repository!.Value, model.Revision, cancellationToken);
        if (repository.TokenRefused)
            warnings.WriteLine("warning: the Hub refused the token; the model is public and was read without it.");
        // The small files decide whether the model can run at all; only then do weights move.
        ModelFiles files = ModelFiles.OfRepository(model.Text, repository);
        files.RequireConfiguration(skipTokenizer);
        string snapshot = await repository.DownloadAsync(files.FilesBeforeWeights, null, cancellationToken);
        WarnOfConfiguration(snapshot);
        files.RequireAll(skipTokenizer);
        IReadOnlyList<string> weights = files.ChooseWeights(snapshot);
        await repository.DownloadAsync(weights, progress, cancellationToken);
        progress.Complete();
        return new PulledModel(repository, snapshot, [.. files.FilesBeforeWeights.Concat(weights).Order(StringComparer.Ordinal)]);
    }

    // An architecture that does not run is not worth its bytes. A config.json that is merely odd is the author's to mend, and may be mended.
    private void WarnOfConfiguration(string snapshot)
    {
        try
        {
            ModelConfiguration.Load(snapshot);
        }
        catch (InferenceException e) when (e.Failure == InferenceFailure.CorruptModel)
        {
            warnings.WriteLine($"warning: the model will not load as it is. {e.Message}");
        }
    }
}

/// <summary>A model that is in the cache now.</summary>
/// <param name="Repository">The repository.</param>
/// <param name="Snapshot">The folder to load from.</param>
/// <param name="Files">The files that a load needs.</param>
internal sealed record PulledModel(ModelRepository Repository, string Snapshot, IReadOnlyList<string> Files);
