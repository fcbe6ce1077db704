using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Connections;

namespace LlmService.App.Http;

/// <summary>Turns every failure into the error object that OpenAI clients read, and gives every answer its request id.</summary>
internal sealed class ErrorResponses(ILogger<ErrorResponses> logger)
{
    public const string RequestIdHeader = "x-request-id";

    /// <summary>The outermost step of the pipeline.</summary>
    public async Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        context.TraceIdentifier = $"req_{Guid.NewGuid():N}";
        context.Response.Headers[RequestIdHeader] = context.TraceIdentifier;
        try
        {
            await next(context);
            await ExplainEmptyAsync(context);
        }
        catch (Exception e) when (IsClientGone(context, e))
        {
            // Nobody reads the answer, and hanging up is no failure of ours.
            context.Abort();
        }
        catch (Exception e)
        {
            Failure failure = Describe(context, e);
            if (context.Response.HasStarted)
            {
                context.Abort();
                return;
            }
            // After a body that is broken off or malformed nobody knows where the next request begins: a server that looked for it would complain in the log.
            if (e is BadHttpRequestException)
                context.Response.Headers.Connection = "close";
            await WriteAsync(context, failure);
        }
    }

    /// <summary>Whether the exception only says that the client hung up.</summary>
    public static bool IsClientGone(HttpContext context, Exception exception) =>
        // A read can learn that the connection is gone before the request does.
        exception is ConnectionResetException or ConnectionAbortedException || (context.RequestAborted.IsCancellationRequested && (exception is OperationCanceledException or IOException));

    /// <summary>What to tell of an exception; what the operator should see goes to the log.</summary>
    public Failure Describe(HttpContext context, Exception exception)
    {
        Failure failure = exception switch
        {
            BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge } => RequestBody.TooLarge,
            BadHttpRequestException e => new(FailureCode.InvalidRequest, $"The request is not valid HTTP: {e.Message}"),
            _ => Failures.From(exception),
        };
        if (failure.Code == FailureCode.InternalError)
        {
            HttpLog.RequestFailed(logger, context.TraceIdentifier, exception);
            return failure with { Remedy = $"Tell the operator the request id {context.TraceIdentifier}." };
        }
        if (failure.Code.HttpStatus >= 500 && failure.Code != FailureCode.ModelLoading)
            HttpLog.ServiceRefused(logger, context.TraceIdentifier, failure.Code.Name, failure.Message);
        return failure;
    }

    /// <summary>Writes the members of <c>error</c>.</summary>
    public static void Write(Utf8JsonWriter json, Failure failure)
    {
        json.WriteStartObject("error");
        json.WriteString("message", failure.Message);
        json.WriteString("type", failure.Code.HttpStatus < 500 ? "invalid_request_error" : "server_error");
        json.WriteString("param", failure.Parameter);
        json.WriteString("code", failure.Code.Name);
        if (failure.Diagnosis is { } diagnosis)
            json.WriteString("diagnosis", diagnosis);
        if (failure.Remedy is { } remedy)
            json.WriteString("remedy", remedy);
        json.WriteEndObject();
    }

    private static Task WriteAsync(HttpContext context, Failure failure)
    {
        if (failure.RetryAfter is { } wait)
            context.Response.Headers.RetryAfter = Math.Max(1, Math.Ceiling(wait.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
        return JsonAnswer.WriteAsync(context, failure.Code.HttpStatus, json => Write(json, failure));
    }

    // Routing answers an unknown path or a wrong method with a bare status.
    private static Task ExplainEmptyAsync(HttpContext context)
    {
        if (context.Response.HasStarted)
            return Task.CompletedTask;
        return context.Response.StatusCode switch
        {
            StatusCodes.Status404NotFound => WriteAsync(context, new(FailureCode.NotFound, $"There is no {context.Request.Method} {context.Request.Path} here.",
                "The API is at /v1: /v1/models, /v1/completions, /v1/chat/completions, /v1/embeddings, /v1/rerank; tasks are at /summarize, /tags, /analyze; tokens at /tokenize, /detokenize, /apply-template; the state is at /health and /ready.")),
            StatusCodes.Status405MethodNotAllowed => WriteAsync(context, new(FailureCode.InvalidRequest with { HttpStatus = StatusCodes.Status405MethodNotAllowed },
                $"{context.Request.Path} does not take {context.Request.Method}.", $"Use {context.Response.Headers.Allow}.")),
            _ => Task.CompletedTask,
        };
    }
}
