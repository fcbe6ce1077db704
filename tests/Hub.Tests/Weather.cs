using System.Globalization;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;

namespace LlmService.Hub;

/// <summary>Answers that a port of the loopback Hub gives instead of its ordinary ones.</summary>
internal static class Weather
{
    /// <summary>One answer after the other, null for the ordinary one; then the ordinary ones.</summary>
    public static Func<HttpContext, Task<bool>> InTurn(params Func<HttpContext, Task>?[] answers)
    {
        int next = -1;
        return context => AnswerAsync(context, Interlocked.Increment(ref next) is int turn && turn < answers.Length ? answers[turn] : null);
    }

    /// <summary>The same answer for ever.</summary>
    public static Func<HttpContext, Task<bool>> Always(Func<HttpContext, Task> answer) => context => AnswerAsync(context, answer);

    /// <summary>Only for requests whose method and path fit.</summary>
    public static Func<HttpContext, Task<bool>> Where(string method, string pathPart, Func<HttpContext, Task<bool>> weather) => context =>
        context.Request.Method == method && context.Request.Path.Value!.Contains(pathPart, StringComparison.Ordinal)
            ? weather(context)
            : Task.FromResult(false);

    public static Func<HttpContext, Task> Status(int status, params (string Name, string Value)[] headers) => context =>
    {
        context.Response.StatusCode = status;
        foreach ((string name, string value) in headers)
            context.Response.Headers[name] = value;
        return Task.CompletedTask;
    };

    public static Func<HttpContext, Task> Redirect(int status, Func<HttpContext, string> target) => context =>
    {
        context.Response.StatusCode = status;
        context.Response.Headers.Location = target(context);
        return Task.CompletedTask;
    };

    public static Func<HttpContext, Task> Text(int status, string type, string text) => async context =>
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = type;
        if (context.Request.Method != "HEAD")
            await context.Response.WriteAsync(text);
    };

    /// <summary>The whole file, whatever range was asked for.</summary>
    public static Func<HttpContext, Task> Whole(byte[] content) => async context =>
    {
        context.Response.ContentLength = content.Length;
        await context.Response.Body.WriteAsync(content);
    };

    /// <summary>No announced length and a correct end.</summary>
    public static Func<HttpContext, Task> Chunked(byte[] content) => async context =>
    {
        (int from, int to) = BeginRange(context, content);
        await context.Response.StartAsync();
        await context.Response.Body.WriteAsync(content.AsMemory(from, to - from));
    };

    /// <summary>The range that was asked for, in small blocks with pauses.</summary>
    public static Func<HttpContext, Task> Slowly(byte[] content, int blockSize, TimeSpan pause) => async context =>
    {
        (int from, int to) = BeginRange(context, content);
        context.Response.ContentLength = to - from;
        for (int at = from; at < to; at += blockSize)
        {
            await context.Response.Body.WriteAsync(content.AsMemory(at, Math.Min(blockSize, to - at)));
            await context.Response.Body.FlushAsync();
            await Task.Delay(pause, context.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    };

    /// <summary>Announces the rest of the file, sends it up to a byte and closes the connection.</summary>
    public static Func<HttpContext, Task> CutAt(byte[] content, int end) => async context =>
    {
        await BeginAsync(context, content, end);
        // An abort at once may overtake what was written.
        await Task.Delay(50);
        context.Abort();
    };

    /// <summary>As <see cref="CutAt"/>, with a reset of the connection.</summary>
    public static Func<HttpContext, Task> ResetAt(byte[] content, int end) => async context =>
    {
        await BeginAsync(context, content, end);
        Socket socket = context.Features.Get<IConnectionSocketFeature>()!.Socket;
        socket.LingerState = new LingerOption(enable: true, seconds: 0);
        socket.Close();
    };

    /// <summary>As <see cref="CutAt"/>, but silent instead of closed.</summary>
    public static Func<HttpContext, Task> MuteAt(byte[] content, int end) => async context =>
    {
        await BeginAsync(context, content, end);
        await Task.Delay(Timeout.InfiniteTimeSpan, context.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    };

    private static async Task BeginAsync(HttpContext context, byte[] content, int end)
    {
        (int from, int to) = BeginRange(context, content);
        context.Response.ContentLength = to - from;
        await context.Response.StartAsync();
        await context.Response.Body.WriteAsync(content.AsMemory(from, Math.Clamp(end - from, 0, to - from)));
        await context.Response.Body.FlushAsync();
    }

    private static (int From, int To) BeginRange(HttpContext context, byte[] content)
    {
        string range = context.Request.Headers.Range.ToString();
        if (range.Length == 0)
            return (0, content.Length);
        string[] ends = range["bytes=".Length..].Split('-');
        int from = int.Parse(ends[0], CultureInfo.InvariantCulture);
        int to = ends[1].Length == 0 ? content.Length : Math.Min(content.Length, int.Parse(ends[1], CultureInfo.InvariantCulture) + 1);
        context.Response.StatusCode = 206;
        context.Response.Headers.ContentRange = $"bytes {from}-{to - 1}/{content.Length}";
        return (from, to);
    }

    private static async Task<bool> AnswerAsync(HttpContext context, Func<HttpContext, Task>? answer)
    {
        if (answer is null)
            return false;
        await answer(context);
        return true;
    }
}
