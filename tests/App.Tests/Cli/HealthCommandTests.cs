using LlmService.App.Cli;
using LlmService.App.Http;
using Microsoft.AspNetCore.Builder;

namespace LlmService.App.Tests.Cli;

public sealed class HealthCommandTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("health test ").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Health_ServiceWithoutReadyModels_LivesButIsNotReady()
    {
        LoadedModel model = new(ModelReference.Parse("demo", _folder, _folder), DateTimeOffset.UnixEpoch);
        await using LoadedModels models = new([model]);
        await using WebApplication server = HttpServer.Build(new HttpServerOptions { Host = "127.0.0.1", Port = 0 }, models);
        await server.StartAsync(TestContext.Current.CancellationToken);
        string port = new Uri(server.Urls.Single()).Port.ToString(System.Globalization.CultureInfo.InvariantCulture);

        Assert.Equal(0, await RunAsync("health", "--port", port));
        Assert.Equal(0, await RunAsync("health", "--port", port, "--host", "0.0.0.0"));
        Assert.Equal(1, await RunAsync("health", "--port", port, "--ready"));
        await server.StopAsync(TestContext.Current.CancellationToken);
        Assert.Equal(1, await RunAsync("health", "--port", port));
    }

    private Task<int> RunAsync(params string[] args) => CommandLine.RunAsync(args, TestContexts.Create(_folder));
}
