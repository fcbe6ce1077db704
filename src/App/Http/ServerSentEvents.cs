using System.Buffers;
using System.Text.Json;
using System.Threading.Channels;

namespace LlmService.App.Http;

/// <summary>Streams JSON objects as server-sent events: <c>data: {…}</c> and a blank line each, <c>data: [DONE]</c> at the end.</summary>
internal sealed class ServerSentEvents(HttpContext context, HttpServerOptions options)
{
    private readonly ArrayBufferWriter<byte> _buffer = new(1024);

    /// <summary>Sends the headers, so that the client knows that its request was taken.</summary>
    public async Task StartAsync()
    {
        HttpResponse response = context.Response;
        response.StatusCode = StatusCodes.Status200OK;
        response.ContentType = "text/event-stream";
        response.Headers.CacheControl = "no-cache";
        // Without it nginx gathers the events before it passes them on.
        response.Headers["X-Accel-Buffering"] = "no";
        await response.StartAsync(context.RequestAborted);
        await response.BodyWriter.FlushAsync(context.RequestAborted);
    }

    /// <summary>Sends one object.</summary>
    public async Task WriteAsync(Action<Utf8JsonWriter> write)
    {
        _buffer.ResetWrittenCount();
        _buffer.Write("data: "u8);
        using (Utf8JsonWriter json = new(_buffer, JsonAnswer.Options))
        {
            json.WriteStartObject();
            write(json);
            json.WriteEndObject();
        }
        _buffer.Write("\n\n"u8);
        await SendAsync(_buffer.WrittenMemory);
    }

    /// <summary>Sends the end mark.</summary>
    public Task EndAsync() => SendAsync("data: [DONE]\n\n"u8.ToArray());

    /// <summary>Hands out what arrives. A comment is sent whenever nothing did for a while, so that nobody on the way gives up.</summary>
    public async Task ForEachAsync<T>(ChannelReader<T> arrivals, Func<T, Task> handle)
    {
        while (await WaitAsync(arrivals))
        {
            while (arrivals.TryRead(out T? arrival))
                await handle(arrival);
        }
    }

    private async Task<bool> WaitAsync<T>(ChannelReader<T> arrivals)
    {
        Task<bool> wait = arrivals.WaitToReadAsync(context.RequestAborted).AsTask();
        while (true)
        {
            try
            {
                return await wait.WaitAsync(options.HeartbeatInterval, options.TimeProvider, context.RequestAborted);
            }
            catch (TimeoutException) when (!wait.IsFaulted)
            {
                await SendAsync(": still working\n\n"u8.ToArray());
            }
        }
    }

    private async Task SendAsync(ReadOnlyMemory<byte> bytes) => await context.Response.BodyWriter.WriteAsync(bytes, context.RequestAborted);
}
