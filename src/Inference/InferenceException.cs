namespace LlmService.Inference;

/// <summary>What kind of failure an <see cref="InferenceException"/> is.</summary>
public enum InferenceFailure
{
    /// <summary>A value of the request is out of range or contradicts another.</summary>
    InvalidRequest,

    /// <summary>The prompt does not fit the context.</summary>
    ContextLengthExceeded,

    /// <summary>The queue of waiting requests is full.</summary>
    QueueFull,

    /// <summary>The architecture, or a setting of it that changes the arithmetic, is not known.</summary>
    UnsupportedModelType,

    /// <summary>A file that the load needs is missing.</summary>
    NoUsableWeights,

    /// <summary>A file is damaged or contradicts another.</summary>
    CorruptModel,

    /// <summary>Weights or cache do not fit into memory.</summary>
    OutOfMemory,
}

/// <summary>A model cannot be loaded, or a request cannot be run. The message is written for the user.</summary>
public sealed class InferenceException(InferenceFailure failure, string message, Exception? innerException = null)
    : Exception(message, innerException)
{
    /// <summary>What kind of failure.</summary>
    public InferenceFailure Failure { get; } = failure;

    /// <summary>The file, where one is at fault.</summary>
    public string? File { get; init; }

    /// <summary>The tensor, where one is at fault.</summary>
    public string? Tensor { get; init; }

    /// <summary>The field of config.json, or the request parameter, where one is at fault.</summary>
    public string? Field { get; init; }

    /// <summary>What to do about it, where it is known here.</summary>
    public string? Remedy { get; init; }
}
