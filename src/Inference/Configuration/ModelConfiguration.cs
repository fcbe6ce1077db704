namespace LlmService.Inference.Configuration;

/// <summary>What <c>config.json</c> says: the architecture and its sizes, checked.</summary>
public sealed record ModelConfiguration
{
    /// <summary><c>model_type</c>.</summary>
    public required string ModelType { get; init; }

    /// <summary>Reads <c>config.json</c> of a folder and checks that the architecture is known and that no setting is left unhonoured.</summary>
    /// <exception cref="InferenceException">NoUsableWeights without config.json; CorruptModel; UnsupportedModelType.</exception>
    public static ModelConfiguration Load(string folder) => throw new NotSupportedException();
}
