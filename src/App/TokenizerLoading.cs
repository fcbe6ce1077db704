using LlmService.App.Check;
using LlmService.Hub;
using LlmService.Tokenizers;

namespace LlmService.App;

/// <summary>Finds or downloads what a model's text is made with, and nothing else of it: a folder with only tokenizer files will do.</summary>
/// <param name="hub">How the Hub is reached.</param>
internal sealed class TokenizerLoading(HubOptions hub)
{
    /// <summary>Whether a folder has a tokenizer.</summary>
    public static bool IsIn(string folder) => Tokenizer.FilesOf([.. Directory.EnumerateFiles(folder).Select(Path.GetFileName).OfType<string>()]).Count > 0;

    /// <summary>Loads the tokenizer.</summary>
    /// <exception cref="AppException">model_not_found; no_usable_weights where there is no tokenizer.</exception>
    public async Task<Tokenizer> LoadAsync(ModelReference model, CancellationToken cancellationToken)
    {
        string folder = await FindFolderAsync(model, files => files.HasTokenizer ? files.TokenizerFiles : throw Missing(model), cancellationToken);
        return ModelPlan.Told(model, folder, () => Tokenizer.Load(folder));
    }

    /// <summary>Finds a folder with some of a model's files.</summary>
    /// <param name="model">The model.</param>
    /// <param name="choose">Which of its files are wanted; throws where they are not there.</param>
    /// <param name="cancellationToken">Stops the download.</param>
    /// <exception cref="AppException">model_not_found: there is no such folder.</exception>
    /// <exception cref="HubException">What the Hub refuses.</exception>
    public async Task<string> FindFolderAsync(ModelReference model, Func<ModelFiles, IReadOnlyList<string>> choose, CancellationToken cancellationToken)
    {
        if (model.Folder is { } folder)
        {
            choose(ModelFiles.OfFolder(model));
            return folder;
        }
        using HubClient client = new(hub);
        ModelRepository repository = await client.OpenAsync(model.Repository!.Value, model.Revision, cancellationToken);
        return await repository.DownloadAsync(choose(ModelFiles.OfRepository(model.Text, repository)), null, cancellationToken);
    }

    private static AppException Missing(ModelReference model) => new(FailureCode.NoUsableWeights,
        $"'{model.Text}' has no tokenizer: neither a tokenizer.json, nor what one is made of (tokenizer.model, spiece.model, vocab.json with merges.txt, vocab.txt).")
    {
        Remedy = "Choose a model that has one.",
    };
}
