using System.Collections.Concurrent;

namespace LlmService.LoopbackHub;

/// <summary>One request as a port saw it.</summary>
public sealed record RecordedRequest(string Method, string Target, bool HasAuthorization, bool HasCookie, string? Range)
{
    /// <summary>All other headers, by their names in any case.</summary>
    public IReadOnlyDictionary<string, string> Headers { get; init; } = new Dictionary<string, string>();
}

/// <summary>One listener on an ephemeral port of 127.0.0.1 and what it recorded.</summary>
public sealed class LoopbackPort : IAsyncDisposable
{
    private readonly WebApplication _app;

    private LoopbackPort(WebApplication app) => _app = app;

    /// <summary>The address, without a trailing slash.</summary>
    public string Address { get; private set; } = "";

    /// <summary>All requests, in order of arrival.</summary>
    public ConcurrentQueue<RecordedRequest> Requests { get; } = [];

    /// <summary>Looked at before the ordinary answer; true when it has answered.</summary>
    public Func<HttpContext, Task<bool>>? Weather { get; set; }

    internal static async Task<LoopbackPort> StartAsync(Func<HttpContext, Task> answer, int port)
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseUrls($"http://127.0.0.1:{port}");
        WebApplication app = builder.Build();
        var listener = new LoopbackPort(app);
        app.Run(async context =>
        {
            HttpRequest request = context.Request;
            string target = context.Features.Get<Microsoft.AspNetCore.Http.Features.IHttpRequestFeature>()!.RawTarget;
            listener.Requests.Enqueue(new RecordedRequest(
                request.Method, target, request.Headers.ContainsKey("Authorization"), request.Headers.ContainsKey("Cookie"), request.Headers.Range)
            {
                Headers = request.Headers.Where(header => header.Key is not ("Authorization" or "Cookie"))
                    .ToDictionary(header => header.Key, header => header.Value.ToString(), StringComparer.OrdinalIgnoreCase),
            });
            if (listener.Weather is null || !await listener.Weather(context))
                await answer(context);
        });
        await app.StartAsync();
        listener.Address = app.Urls.Single();
        return listener;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _app.DisposeAsync();
}
