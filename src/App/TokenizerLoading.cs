using LlmService.App.Check;
using LlmService.Hub;
using LlmService.Tokenizers;

namespace LlmService.App;

/// <summary>Finds or downloads the tokenizer of a model, and nothing else of it: a folder with only tokenizer files will do.</summary>
/// <param name="hub">How the Hub is reached.</param>
internal sealed class TokenizerLoading(HubOptions hub)
{
    /// <summary>Loads the tokenizer.</summary>
    /// <exception cref="AppException">model_not_found; no_usable_weights where there is no tokenizer.</exception>
    public async Task<Tokenizer> LoadAsync(ModelReference model, CancellationToken cancellationToken)
    {
        string folder = model.Folder ?? await DownloadAsync(model, cancellationToken);
        IReadOnlyList<string> files = ModelFiles.OfFolder(model.Text, folder).TokenizerFiles;
        return files.Count > 0 ? ModelPlan.Told(model, folder, () => Tokenizer.Load(folder)) : throw Missing(model);
    }

    private async Task<string> DownloadAsync(ModelReference model, CancellationToken cancellationToken)
    {
        using HubClient client = new(hub);
        ModelRepository repository = await client.OpenAsync(model.Repository!.Value, model.Revision, cancellationToken);
        IReadOnlyList<string> files = ModelFiles.OfRepository(model.Text, repository).TokenizerFiles;
        return files.Count > 0 ? await repository.DownloadAsync(files, null, cancellationToken) : throw Missing(model);
    }

    private static AppException Missing(ModelReference model) => new(FailureCode.NoUsableWeights,
        $"'{model.Text}' has no tokenizer: neither a tokenizer.json, nor what one is made of (tokenizer.model, spiece.model, vocab.json with merges.txt, vocab.txt).")
    {
        Remedy = "Choose a model that has one.",
    };
}
