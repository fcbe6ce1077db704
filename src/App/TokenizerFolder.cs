using LlmService.App.Check;
using LlmService.Hub;

namespace LlmService.App;

/// <summary>Finds the folder with a model's tokenizer and chat template. Weights are not needed.</summary>
internal static class TokenizerFolder
{
    /// <exception cref="AppException">model_not_found: there is no such folder.</exception>
    /// <exception cref="HubException">What the Hub refuses.</exception>
    public static async Task<string> FindAsync(ModelReference model, AppOptions options, CancellationToken cancellationToken)
    {
        if (model.Folder is { } folder)
        {
            ModelFiles.OfFolder(model.Text, folder);
            return folder;
        }
        using HubClient client = new(options.Hub);
        ModelRepository repository = await client.OpenAsync(model.Repository!.Value, model.Revision, cancellationToken);
        return await repository.DownloadAsync(ModelFiles.OfRepository(model.Text, repository).FilesBeforeWeights, null, cancellationToken);
    }
}
