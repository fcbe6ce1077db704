namespace LlmService.App;

/// <summary>One row of the table of failures: the code on the wire, the HTTP status, the exit code of the command line.</summary>
internal sealed record FailureCode(string Name, int HttpStatus, int ExitCode, string Meaning)
{
    public static readonly FailureCode InvalidRequest = new("invalid_request", 400, 2, "A value of the request or of the command line is missing, malformed or out of range.");
    public static readonly FailureCode UnsupportedParameter = new("unsupported_parameter", 400, 2, "A known field asks for something that this service does not do.");
    public static readonly FailureCode ContextLengthExceeded = new("context_length_exceeded", 400, 10, "Prompt and answer do not fit the model's context.");
    public static readonly FailureCode Unauthorized = new("unauthorized", 502, 11, "The Hub refused the token that this service is configured with.");
    public static readonly FailureCode Gated = new("gated", 403, 12, "The model is gated and access has not been granted.");
    public static readonly FailureCode Forbidden = new("forbidden", 403, 13, "The Hub knows the token but does not let it do this (scope, policy, region, disabled repository), or the cache folder is closed to this user.");
    public static readonly FailureCode ModelNotFound = new("model_not_found", 404, 14, "There is no such model, or it is private.");
    public static readonly FailureCode UnsupportedModelType = new("unsupported_model_type", 422, 15, "The architecture is not one that this service runs. A token changes nothing.");
    public static readonly FailureCode NoUsableWeights = new("no_usable_weights", 422, 16, "A file that the load needs is missing.");
    public static readonly FailureCode CorruptModel = new("corrupt_model", 422, 17, "A file of the model is damaged.");
    public static readonly FailureCode RequestTooLarge = new("request_too_large", 413, 2, "The body of the request is larger than 8 MB.");
    public static readonly FailureCode QueueFull = new("queue_full", 429, 22, "Too many requests wait already.");
    public static readonly FailureCode RateLimited = new("rate_limited", 503, 18, "The Hub limits the rate of requests.");
    public static readonly FailureCode HubUnreachable = new("hub_unreachable", 502, 19, "The Hub could not be reached, or what answered is not the Hub.");
    public static readonly FailureCode DiskFull = new("disk_full", 507, 20, "The disk of the cache is full.");
    public static readonly FailureCode OutOfMemory = new("out_of_memory", 503, 21, "Weights or cache do not fit into memory.");
    public static readonly FailureCode ModelLoading = new("model_loading", 503, 1, "The model is still being loaded; try again.");
    public static readonly FailureCode InternalError = new("internal_error", 500, 1, "An error of this service; the log has the details.");
    public static readonly FailureCode NotFound = new("not_found", 404, 2, "There is no such page.");
    public static readonly FailureCode PortInUse = new("port_in_use", 500, 3, "Another program listens on the port.");

    /// <summary>Ctrl-C, which is no failure of ours: it has an exit code, no row of the table, and is never sent over HTTP.</summary>
    public static readonly FailureCode Interrupted = new("interrupted", 500, 130, "Ctrl-C ended the command.");

    /// <summary>All rows, in the order of the documentation.</summary>
    public static readonly IReadOnlyList<FailureCode> All =
    [
        InvalidRequest, UnsupportedParameter, ContextLengthExceeded, Unauthorized, Gated, Forbidden, ModelNotFound, UnsupportedModelType,
        NoUsableWeights, CorruptModel, RequestTooLarge, QueueFull, RateLimited, HubUnreachable, DiskFull, OutOfMemory, ModelLoading,
        InternalError, NotFound, PortInUse,
    ];
}
