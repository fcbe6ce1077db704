namespace LlmService.App;

/// <summary>A failure that the application itself found. The message is written for the user.</summary>
internal sealed class AppException(FailureCode code, string message, Exception? innerException = null) : Exception(message, innerException)
{
    public FailureCode Code { get; } = code;

    /// <summary>What a library says of an argument, without the argument's name, which means nothing to a user.</summary>
    public static string SentenceOf(ArgumentException refused) =>
        refused.Message.Replace($" (Parameter '{refused.ParamName}')", "", StringComparison.Ordinal);

    /// <summary>The request parameter or option at fault.</summary>
    public string? Parameter { get; init; }

    /// <summary>The finer name of a refusal of the Hub.</summary>
    public string? Diagnosis { get; init; }

    /// <summary>What to do about it.</summary>
    public string? Remedy { get; init; }

    /// <summary>When it makes sense to try again.</summary>
    public TimeSpan? RetryAfter { get; init; }
}
