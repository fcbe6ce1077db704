using LlmService.Inference;

namespace LlmService.App;

/// <summary>Where a model stands.</summary>
internal enum ModelState
{
    Loading,
    Ready,
    Failed,
}

/// <summary>One model that was asked for.</summary>
internal sealed class LoadedModel(ModelReference reference, DateTimeOffset created)
{
    private volatile LlmEngine? _engine;
    private volatile Failure? _failure;
    private volatile string _progress = "waiting";

    /// <summary>The id in the API.</summary>
    public string Id => Reference.Id;

    public ModelReference Reference { get; } = reference;

    public DateTimeOffset Created { get; } = created;

    public ModelState State => _failure is not null ? ModelState.Failed : _engine is null ? ModelState.Loading : ModelState.Ready;

    /// <summary>The engine; null unless ready.</summary>
    public LlmEngine? Engine => _engine;

    /// <summary>Why it failed; null unless failed.</summary>
    public Failure? Failure => _failure;

    /// <summary>What the load is doing, in words.</summary>
    public string Progress => _progress;

    public void Report(string progress) => _progress = progress;

    public void Complete(LlmEngine engine)
    {
        _progress = "ready";
        _engine = engine;
    }

    public void Fail(Failure failure)
    {
        _progress = "failed";
        _failure = failure;
    }
}

/// <summary>The models of this process. The list is fixed at start; each loads and becomes ready, or fails.</summary>
internal sealed class LoadedModels(IReadOnlyList<LoadedModel> all) : IAsyncDisposable
{
    public IReadOnlyList<LoadedModel> All { get; } = all;

    /// <summary>Finds a model that was asked for, whatever its state; null when there is none of that id.</summary>
    public LoadedModel? Find(string id) => All.FirstOrDefault(m => m.Id == id);

    /// <summary>The engine of a model.</summary>
    /// <exception cref="AppException">model_not_found; model_loading; the code of a failed load.</exception>
    public LlmEngine Engine(string id)
    {
        LoadedModel model = Find(id) ?? throw new AppException(FailureCode.ModelNotFound, $"The model '{id}' is not served here.")
        {
            Parameter = "model",
            Remedy = $"Served are: {string.Join(", ", All.Select(m => m.Id))}.",
        };
        if (model.Failure is { } failure)
            throw new AppException(failure.Code, failure.Message) { Parameter = "model", Diagnosis = failure.Diagnosis, Remedy = failure.Remedy, RetryAfter = failure.RetryAfter };
        return model.Engine ?? throw new AppException(FailureCode.ModelLoading, $"The model '{id}' is still being loaded ({model.Progress}).")
        {
            Parameter = "model",
            Remedy = "Try again in a moment; GET /ready tells when.",
            RetryAfter = TimeSpan.FromSeconds(2),
        };
    }

    public async ValueTask DisposeAsync()
    {
        foreach (LoadedModel model in All)
        {
            if (model.Engine is { } engine)
                await engine.DisposeAsync();
        }
    }
}
