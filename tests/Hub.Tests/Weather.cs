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
        long from = From(context);
        if (from > 0)
        {
            context.Response.StatusCode = 206;
            context.Response.Headers.ContentRange = $"bytes {from}-{content.Length - 1}/{content.Length}";
        }
        await context.Response.StartAsync();
        await context.Response.Body.WriteAsync(content.AsMemory((int)from));
    };

    /// <summary>Announces the rest of the file, sends it up to a byte and closes the connection.</summary>
    public static Func<HttpContext, Task> CutAt(byte[] content, int end) => async context =>
    {
        await BeginAsync(context, content, end);
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
        int from = (int)From(context);
        if (from > 0)
        {
            context.Response.StatusCode = 206;
            context.Response.Headers.ContentRange = $"bytes {from}-{content.Length - 1}/{content.Length}";
        }
        context.Response.ContentLength = content.Length - from;
        await context.Response.StartAsync();
        await context.Response.Body.WriteAsync(content.AsMemory(from, Math.Max(0, end - from)));
        await context.Response.Body.FlushAsync();
    }

    private static long From(HttpContext context)
    {
        string range = context.Request.Headers.Range.ToString();
        return range.Length == 0 ? 0 : long.Parse(range["bytes=".Length..^1], CultureInfo.InvariantCulture);
    }

    private static async Task<bool> AnswerAsync(HttpContext context, Func<HttpContext, Task>? answer)
    {
        if (answer is null)
            return false;
        await answer(context);
        return true;
    }
}
