using LlmService.Hub;
using LlmService.Inference;
using LlmService.Tokenizers;

namespace LlmService.App;

/// <summary>What a user is told of a failure, the same on the command line, over HTTP and in the log.</summary>
/// <param name="Code">The row of the table.</param>
/// <param name="Message">What happened, and why it is not one of its neighbours.</param>
/// <param name="Remedy">What to do.</param>
/// <param name="Diagnosis">The finer name, where the Hub's answer gave one.</param>
/// <param name="Parameter">The request parameter at fault.</param>
/// <param name="RetryAfter">When it makes sense to try again.</param>
internal sealed record Failure(
    FailureCode Code, string Message, string? Remedy = null, string? Diagnosis = null, string? Parameter = null, TimeSpan? RetryAfter = null);

/// <summary>The only table from exceptions to what the user is told.</summary>
internal static class Failures
{
    /// <summary>Longer than any sentence of ours; what quotes a model's file may be of any length.</summary>
    private const int MaxMessageLength = 2000;

    /// <summary>Turns an exception into a failure; anything that is not ours becomes a neutral <c>internal_error</c>.</summary>
    public static Failure From(Exception exception)
    {
        Failure failure = Find(exception);
        return failure with { Message = Readable(failure.Message), Remedy = failure.Remedy is null ? null : Readable(failure.Remedy) };
    }

    // Messages quote files and servers of strangers: no escape sequence of theirs reaches a terminal.
    private static string Readable(string text)
    {
        string cut = text.Length <= MaxMessageLength ? text : text[..MaxMessageLength] + "…";
        return cut.Any(char.IsControl) ? string.Concat(cut.Select(c => char.IsControl(c) ? ' ' : c)) : cut;
    }

    private static Failure Find(Exception exception) => exception switch
    {
        AppException e => new(e.Code, e.Message, e.Remedy, e.Diagnosis, e.Parameter, e.RetryAfter),
        InferenceException e => FromInference(e),
        TokenizerException e => FromTokenizer(e),
        TemplateException e => FromTemplate(e),
        HubException e => HubFailures.From(e),
        OutOfMemoryException => new(FailureCode.OutOfMemory, "The machine ran out of memory.", "Use a smaller model or a smaller context (--max-model-len)."),
        IOException e when IsDiskFull(e) => new(FailureCode.DiskFull, "The disk is full.", "Free space, or move the cache with HF_HOME."),
        _ => new(FailureCode.InternalError, "An internal error; the log has the details."),
    };

    private static Failure FromInference(InferenceException e)
    {
        FailureCode code = e.Failure switch
        {
            InferenceFailure.InvalidRequest => FailureCode.InvalidRequest,
            InferenceFailure.ContextLengthExceeded => FailureCode.ContextLengthExceeded,
            InferenceFailure.QueueFull => FailureCode.QueueFull,
            InferenceFailure.UnsupportedModelType => FailureCode.UnsupportedModelType,
            InferenceFailure.NoUsableWeights => FailureCode.NoUsableWeights,
            InferenceFailure.CorruptModel => FailureCode.CorruptModel,
            InferenceFailure.OutOfMemory => FailureCode.OutOfMemory,
            _ => throw new InvalidOperationException($"unknown failure {e.Failure}"),
        };
        string? remedy = e.Remedy ?? e.Failure switch
        {
            InferenceFailure.ContextLengthExceeded => "Shorten the prompt, ask for fewer tokens, or start the service with a larger --max-model-len.",
            InferenceFailure.QueueFull => "Try again in a moment.",
            InferenceFailure.UnsupportedModelType => "Choose a model of a supported architecture. An access token makes no difference here.",
            InferenceFailure.CorruptModel => "Download the model again, or repair the file.",
            _ => null,
        };
        return new(code, e.Message, remedy, Parameter: e.Failure is InferenceFailure.InvalidRequest or InferenceFailure.ContextLengthExceeded ? e.Field : null,
            RetryAfter: e.Failure == InferenceFailure.QueueFull ? TimeSpan.FromSeconds(1) : null);
    }

    private static Failure FromTokenizer(TokenizerException e) => e.Failure switch
    {
        TokenizerFailure.Missing => new(FailureCode.NoUsableWeights, e.Message,
            "Put the model's tokenizer.json into the folder, or serve without a tokenizer (--skip-tokenizer-init) and send token ids."),
        TokenizerFailure.Unsupported => new(FailureCode.UnsupportedModelType, e.Message,
            "Choose a model with a supported tokenizer, or serve without one (--skip-tokenizer-init). An access token makes no difference here."),
        _ => new(FailureCode.CorruptModel, e.Message, "Download the model again, or repair the file."),
    };

    private static Failure FromTemplate(TemplateException e) => e.Failure switch
    {
        TemplateFailure.Raised => new(FailureCode.InvalidRequest, $"The chat template does not accept these messages: {Excerpt(e.Reason)} ({e.Template}, line {e.Line})",
            "Change the messages as the template asks.", Parameter: "messages"),
        TemplateFailure.Syntax => new(FailureCode.CorruptModel, $"The chat template does not compile: {e.Template}, line {e.Line}, column {e.Column}: {Excerpt(e.Reason)}",
            "Repair the template, or write the prompt yourself and send it to /v1/completions.", Parameter: "chat_template"),
        TemplateFailure.Unsupported => new(FailureCode.UnsupportedParameter, $"The chat template asks for something that this service does not do: {e.Template}, line {e.Line}: {Excerpt(e.Reason)}",
            "Write the prompt yourself and send it to /v1/completions.", Parameter: "chat_template"),
        _ => new(FailureCode.InvalidRequest, $"The chat template cannot render these messages: {e.Template}, line {e.Line}, column {e.Column}: {Excerpt(e.Reason)}",
            "Check the roles and contents of the messages.", Parameter: "messages"),
    };

    // Templates put texts of the messages into their errors.
    private static string Excerpt(string reason) => reason.Length <= 300 ? reason : reason[..300] + "...";

    // ERROR_DISK_FULL, ERROR_HANDLE_DISK_FULL; ENOSPC, EDQUOT.
    private static bool IsDiskFull(IOException e) =>
        e.HResult is unchecked((int)0x80070070) or unchecked((int)0x80070027) || (!OperatingSystem.IsWindows() && e.HResult is 28 or 122);
}
