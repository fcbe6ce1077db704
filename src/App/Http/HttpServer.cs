namespace LlmService.App.Http;
internal sealed record HttpServerOptions { public required string Host { get; init; } public required int Port { get; init; } }
internal static class HttpServer { public static WebApplication Build(HttpServerOptions options, LoadedModels models) => WebApplication.CreateSlimBuilder().Build(); }
