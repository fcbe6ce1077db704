using LlmService.App.Check;
using LlmService.Hub;
using LlmService.Inference;
using LlmService.Inference.Weights;
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
        (ModelSource source, string folder) = await FindAsync(model, files => files.HasTokenizer ? files.TokenizerFiles : throw Missing(model), cancellationToken);
        return ModelPlan.Told(model, folder, source.Tokenizer);
    }

    /// <summary>Finds what a model's text is made with: some of its files, or the header of its GGUF file where there is nothing else.</summary>
    /// <param name="model">The model.</param>
    /// <param name="choose">Which of its files are wanted; throws where they are not there. Not asked where a GGUF file has all inside.</param>
    /// <param name="cancellationToken">Stops the download.</param>
    /// <exception cref="AppException">model_not_found: there is no such folder.</exception>
    /// <exception cref="HubException">What the Hub refuses.</exception>
    public async Task<(ModelSource Source, string Folder)> FindAsync(ModelReference model, Func<ModelFiles, IReadOnlyList<string>> choose, CancellationToken cancellationToken)
    {
        if (model.Folder is { } folder)
        {
            ModelFiles local = ModelFiles.OfFolder(model);
            WeightChoice? inside = Inside(local);
            if (inside is null)
                choose(local);
            return (ModelSource.Of(folder, inside ?? NoWeights), folder);
        }
        using HubClient client = new(hub);
        ModelRepository repository = await client.OpenAsync(model.Repository!.Value, model.Revision, cancellationToken);
        ModelFiles files = ModelFiles.OfRepository(model.Text, repository);
        if (Inside(files) is { } gguf)
            return (await WeightHeaders.ReadAsync(repository, gguf, header => Read(model, header, gguf), cancellationToken), repository.SnapshotFolder);
        string snapshot = await repository.DownloadAsync(choose(files), null, cancellationToken);
        return (ModelSource.Of(snapshot, NoWeights), snapshot);
    }

    // The files of the folder count, whatever weights lie there.
    private static WeightChoice NoWeights { get; } = new() { Format = WeightFormat.Safetensors, Variant = "none" };

    /// <summary>The GGUF file that a model's text is made with, where it has no tokenizer beside it.</summary>
    private static WeightChoice? Inside(ModelFiles files) =>
        !files.HasTokenizer && files.Weights.FirstOrDefault(weights => weights.Format == WeightFormat.Gguf) is { } gguf ? gguf with { IsSelfContained = true } : null;

    // All is read here, once; the header is not needed any more.
    private static ModelSource Read(ModelReference model, string folder, WeightChoice gguf)
    {
        ModelSource source = ModelSource.Of(folder, gguf);
        ModelPlan.Told(model, folder, source.TokenizerConfig);
        return source;
    }

    private static AppException Missing(ModelReference model) => new(FailureCode.NoUsableWeights,
        $"'{model.Text}' has no tokenizer: neither a tokenizer.json, nor what one is made of (tokenizer.model, spiece.model, vocab.json with merges.txt, vocab.txt).")
    {
        Remedy = "Choose a model that has one.",
    };
}
