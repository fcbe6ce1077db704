namespace LlmService.App.Http;

/// <summary>What the server writes to the log. A user's mistake is not among it.</summary>
internal static partial class HttpLog
{
    [LoggerMessage(1, LogLevel.Error, "Request {RequestId} failed.")]
    public static partial void RequestFailed(ILogger logger, string requestId, Exception exception);

    [LoggerMessage(2, LogLevel.Warning, "Request {RequestId} was refused: {Code}: {Message}")]
    public static partial void ServiceRefused(ILogger logger, string requestId, string code, string message);
}
