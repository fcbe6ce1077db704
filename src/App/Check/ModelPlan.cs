using LlmService.Hub;
using LlmService.Inference;
using LlmService.Inference.Configuration;
using LlmService.Inference.Execution;
using LlmService.Inference.Weights;
using LlmService.Tokenizers;

namespace LlmService.App.Check;

/// <summary>What a load takes, found from the small files: the same for a check and for the load itself.</summary>
/// <param name="Configuration">What config.json says.</param>
/// <param name="Choice">Which of the model's sets of weights.</param>
/// <param name="Weights">Their files.</param>
/// <param name="StoredBytes">The size of the files.</param>
/// <param name="Memory">What they and the cache take.</param>
/// <param name="Modules">The weights of an embedder's modules.</param>
internal sealed record ModelPlan(ModelConfiguration Configuration, WeightChoice Choice, IReadOnlyList<string> Weights, long StoredBytes, MemoryNeed Memory, IReadOnlyList<string> Modules)
{
    // Whole numbers may be buffers that nobody needs; only the load can tell.
    private static readonly string[] ReadTypes = ["F64", "F32", "F16", "BF16", "F8_E4M3"], BufferTypes = ["I64", "I32", "I16", "I8", "U8", "BOOL"];

    /// <summary>Whether what the Hub knows of the stored types leaves open if they can be read.</summary>
    public static bool LeavesOpen(RepositoryCard? card) => card?.ParameterCounts is not { Count: > 0 } counts || counts.Keys.Any(BufferTypes.Contains);

    /// <summary>The set of weights that a load takes; null when there is none.</summary>
    /// <exception cref="AppException">no_usable_weights: what was asked for is not there.</exception>
    public static WeightChoice? Choose(ModelFiles files, AppOptions options) => files.ChooseWeights(options.Weights, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes);

    /// <summary>Reads the architecture.</summary>
    /// <param name="model">The model.</param>
    /// <param name="files">What it has.</param>
    /// <param name="folder">Where its small files lie.</param>
    /// <param name="options">Settings.</param>
    /// <exception cref="AppException">no_usable_weights without config.json; unsupported_model_type; corrupt_model.</exception>
    public static ModelConfiguration ReadConfiguration(ModelReference model, ModelFiles files, string folder, AppOptions options)
    {
        WeightChoice? choice = Choose(files, options);
        files.RequireConfiguration(choice, options.SkipTokenizerInit);
        return Told(model, folder, () =>
        {
            ModelSource source = ModelSource.Of(folder, choice);
            ModelConfiguration configuration = source.Configuration();
            source.Generation();
            return configuration;
        });
    }

    /// <summary>Chooses the weights; the memory is not judged yet.</summary>
    /// <param name="model">The model.</param>
    /// <param name="files">What it has.</param>
    /// <param name="folder">Where its small files lie.</param>
    /// <param name="configuration">Its architecture.</param>
    /// <param name="card">What the Hub says of it; null when it was not asked.</param>
    /// <param name="options">Settings.</param>
    /// <exception cref="AppException">no_usable_weights, corrupt_model.</exception>
    public static ModelPlan Read(
        ModelReference model, ModelFiles files, string folder, ModelConfiguration configuration, RepositoryCard? card, AppOptions options)
    {
        WeightChoice choice = files.RequireAll(Choose(files, options), options.SkipTokenizerInit);
        IReadOnlyList<string> weights = Told(model, folder, () => files.FilesOf(choice, folder));
        if (choice.Format == WeightFormat.Safetensors && card?.ParameterCounts.Keys.FirstOrDefault(type => !ReadTypes.Contains(type) && !BufferTypes.Contains(type)) is { } other)
        {
            throw new AppException(FailureCode.NoUsableWeights, $"Weights of '{model.Text}' are stored as {other}; {string.Join(", ", ReadTypes)} are read. A token is not the reason.")
            {
                Remedy = "Choose a variant of the model that is not quantised.",
            };
        }
        // Sizes of a listing come from the network and may add up to anything.
        long bytes = (long)Math.Min(long.MaxValue, weights.Sum(path => (decimal)files.Size(path)));
        MemoryNeed memory = MemoryNeed.Of(configuration, choice, bytes, options.FormatFor(choice), options.MaxModelLength, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes, options.IsExact(choice));
        return new ModelPlan(configuration, choice, weights, bytes, memory, files.ModuleWeights(configuration.ModuleFolders));
    }

    /// <summary>Reads the architecture and chooses the weights.</summary>
    /// <exception cref="AppException">As <see cref="ReadConfiguration"/> and <see cref="Read"/>.</exception>
    public static ModelPlan Of(ModelReference model, ModelFiles files, string folder, RepositoryCard? card, AppOptions options) =>
        Read(model, files, folder, ReadConfiguration(model, files, folder, options), card, options);

    /// <summary>Refuses weights or a context that the memory cannot hold.</summary>
    /// <exception cref="InferenceException">OutOfMemory.</exception>
    public void RequireMemory(ModelReference model) => Memory.Require(model.Text);

    /// <summary>Runs a step of the load; a failure names the model's files as the user wrote the model, wherever they lie just now.</summary>
    public static T Told<T>(ModelReference model, string folder, Func<T> step)
    {
        try
        {
            return step();
        }
        catch (Exception e) when (e is InferenceException or TokenizerException && model.Repository is not null)
        {
            Failure failure = Failures.From(e);
            throw new AppException(failure.Code, failure.Message.Replace(folder, model.Text, StringComparison.Ordinal), e) { Remedy = failure.Remedy };
        }
    }
}
