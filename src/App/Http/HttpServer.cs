using System.Net;
using LlmService.App.Http.OpenAi;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace LlmService.App.Http;

/// <summary>Composes the web server: what it listens on, its endpoints, its log.</summary>
internal static class HttpServer
{
    // Health checks of containers and balancers often ask by HEAD.
    private static readonly string[] ReadMethods = [HttpMethods.Get, HttpMethods.Head];

    // A body above the limit of the API is answered with an error, for which the rest of it must be read off the connection.
    private const long MaxDrainedBytes = 64 * 1024 * 1024;

    // Long enough for a whole answer of a slow model; a second signal ends the wait.
    private static readonly TimeSpan DrainTime = TimeSpan.FromMinutes(10);

    /// <summary>Builds the server; the caller runs it.</summary>
    /// <param name="configure">Changes the web host, as tests do to stay in memory.</param>
    /// <exception cref="AppException">invalid_request: the host is not one to listen on.</exception>
    public static WebApplication Build(HttpServerOptions options, LoadedModels models, Action<IWebHostBuilder>? configure = null)
    {
        Action<KestrelServerOptions> listen = Listener(options);
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions
        {
            ContentRootPath = AppContext.BaseDirectory,
            EnvironmentName = Environments.Production,
        });
        ConfigureLog(builder.Logging);
        builder.Services.AddSingleton<IHostLifetime, NoSignals>();
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = DrainTime);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = MaxDrainedBytes;
            listen(kestrel);
        });
        configure?.Invoke(builder.WebHost);
        WebApplication app = builder.Build();
        Map(app, options, models);
        return app;
    }

    /// <summary>What to tell of a server that could not start; null when the exception says something else than that its port is taken.</summary>
    public static AppException? PortInUse(IOException exception, HttpServerOptions options) => exception.InnerException is AddressInUseException
        ? new AppException(FailureCode.PortInUse, $"Another program listens on port {options.Port} of {options.Host}.", exception)
        {
            Parameter = "port",
            Remedy = "Stop it, or choose another port with --port.",
        }
        : null;

    private static void Map(WebApplication app, HttpServerOptions options, LoadedModels models)
    {
        ErrorResponses errors = new(app.Services.GetRequiredService<ILogger<ErrorResponses>>());
        AnswerSender sender = new(options, errors);
        StatusEndpoints status = new(models);
        Models modelList = new(models);
        TaskEndpoints tasks = new(models, options.Prompts);
        TokenizeEndpoints tokens = new(models);
        app.Use(errors.InvokeAsync);
        app.MapMethods("/health", ReadMethods, StatusEndpoints.HealthAsync);
        app.MapMethods("/ready", ReadMethods, status.ReadyAsync);
        app.MapGet("/v1/models", modelList.ListAsync);
        app.MapGet("/v1/models/{**id}", modelList.GetAsync);
        if (options.Check is { } check)
            app.MapPost("/v1/models/check", new CheckEndpoint(models, check).PostAsync);
        app.MapPost("/v1/completions", new Completions(models, sender).PostAsync);
        app.MapPost("/v1/chat/completions", new ChatCompletions(models, sender).PostAsync);
        app.MapPost("/v1/embeddings", new EmbeddingsEndpoint(models).PostAsync);
        app.MapPost("/v1/rerank", new RerankEndpoint(models).PostAsync);
        app.MapPost("/apply-template", new ApplyTemplateEndpoint(models, options.TimeProvider).PostAsync);
        app.MapPost("/summarize", tasks.SummarizeAsync);
        app.MapPost("/tags", tasks.TagAsync);
        app.MapPost("/analyze", tasks.AnalyzeAsync);
        app.MapPost("/tokenize", tokens.TokenizeAsync);
        app.MapPost("/detokenize", tokens.DetokenizeAsync);
    }

    // Standard output belongs to the command line; the log goes to standard error.
    private static void ConfigureLog(ILoggingBuilder log)
    {
        log.ClearProviders();
        log.AddSimpleConsole(console => console.SingleLine = true);
        log.Services.Configure<Microsoft.Extensions.Logging.Console.ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        log.AddFilter("Microsoft", LogLevel.Warning);
        // A server that cannot start is a failure that the caller tells in one sentence.
        log.AddFilter("Microsoft.Extensions.Hosting", LogLevel.None);
    }

    // Kestrel's own reading of an address takes any name that it does not know for "every address of the machine".
    private static Action<KestrelServerOptions> Listener(HttpServerOptions options)
    {
        if (options.Host is "*" or "+")
            return kestrel => kestrel.ListenAnyIP(options.Port);
        if (IPAddress.TryParse(options.Host.Trim('[', ']'), out IPAddress? address))
            return kestrel => kestrel.Listen(address, options.Port);
        // A free port is looked for on one address only.
        if (options.Host == "localhost" && options.Port == 0)
            return kestrel => kestrel.Listen(IPAddress.Loopback, 0);
        if (options.Host == "localhost")
            return kestrel => kestrel.ListenLocalhost(options.Port);
        throw new AppException(FailureCode.InvalidRequest, $"'{options.Host}' is not an address to listen on.")
        {
            Parameter = "host",
            Remedy = "Use an IP address, localhost, or * for every address of this machine.",
        };
    }

    /// <summary>Signals are the command line's: it decides when the server drains and when it ends.</summary>
    private sealed class NoSignals : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
