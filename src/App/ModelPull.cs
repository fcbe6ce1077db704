using LlmService.App.Check;
using LlmService.Hub;
using LlmService.Inference;
using LlmService.Inference.Configuration;

namespace LlmService.App;

/// <summary>Brings what a load of a model needs into the cache, for this machine or another one, without loading it.</summary>
/// <param name="download">The way to the cache.</param>
/// <param name="warnings">Where warnings go.</param>
internal sealed class ModelPull(ModelDownload download, TextWriter warnings)
{
    /// <summary>Downloads what is not cached yet.</summary>
    /// <param name="model">A model of the Hub.</param>
    /// <param name="skipTokenizer">Whether the model is usable without a tokenizer.</param>
    /// <param name="cancellationToken">Stops the download; what arrived is kept.</param>
    public Task<DownloadedModel> RunAsync(ModelReference model, bool skipTokenizer, CancellationToken cancellationToken) =>
        download.RunAsync(model, skipTokenizer, (repository, files) => ChooseWeights(repository, files, skipTokenizer), _ => { }, cancellationToken);

    private IReadOnlyList<string> ChooseWeights(ModelRepository repository, ModelFiles files, bool skipTokenizer)
    {
        if (repository.RefusedToken is { } refused)
            warnings.WriteLine($"warning: the model is public and is read without the token. {RefusedToken.Describe(refused.TokenSource ?? "the token", refused.Diagnosis)}");
        WarnOfConfiguration(repository.SnapshotFolder);
        files.RequireAll(skipTokenizer);
        return files.ChooseWeights(repository.SnapshotFolder);
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
