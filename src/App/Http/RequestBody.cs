using System.Buffers;
using System.IO.Pipelines;
using System.Text.Json;

namespace LlmService.App.Http;

/// <summary>Reads the JSON object of a request.</summary>
internal static class RequestBody
{
    private const int MaxBytes = 8 * 1024 * 1024;
    private const int MaxDepth = 32;

    public static Failure TooLarge { get; } =
        new(FailureCode.RequestTooLarge, "The body of the request is larger than 8 MB.", "Send fewer prompts at once, or shorter ones.");

    /// <summary>Reads and parses the body.</summary>
    /// <exception cref="AppException">request_too_large; invalid_request when it is not one JSON object.</exception>
    public static async Task<JsonDocument> ReadAsync(HttpContext context)
    {
        if (context.Request.ContentLength > MaxBytes)
            throw Refuse();
        PipeReader reader = context.Request.BodyReader;
        while (true)
        {
            ReadResult read = await reader.ReadAsync(context.RequestAborted);
            if (read.Buffer.Length > MaxBytes)
            {
                reader.AdvanceTo(read.Buffer.End);
                throw Refuse();
            }
            if (read.IsCompleted)
            {
                byte[] body = read.Buffer.ToArray();
                reader.AdvanceTo(read.Buffer.End);
                return Parse(body);
            }
            reader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }

    /// <summary>Parses a body that is one JSON object, without repeated names.</summary>
    /// <exception cref="AppException">invalid_request.</exception>
    public static JsonDocument Parse(ReadOnlyMemory<byte> body)
    {
        JsonDocument document = JsonText.Parse(body, MaxDepth, "The body", Invalid);
        if (document.RootElement.ValueKind == JsonValueKind.Object)
            return document;
        JsonValueKind kind = document.RootElement.ValueKind;
        document.Dispose();
        throw Invalid($"The body is a JSON {kind.ToString().ToLowerInvariant()}; an object is expected.", null);
    }

    private static AppException Refuse() => new(TooLarge.Code, TooLarge.Message) { Remedy = TooLarge.Remedy };

    private static AppException Invalid(string message, Exception? inner) => new(FailureCode.InvalidRequest, message, inner);
}
