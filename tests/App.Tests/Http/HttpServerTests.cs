using Microsoft.AspNetCore.Connections;

namespace LlmService.App.Http;

public sealed class HttpServerTests
{
    [Fact]
    public void PortInUse_TellsTheTakenPortFromOtherFailures()
    {
        HttpServerOptions options = new() { Port = 1234 };
        AppException? taken = HttpServer.PortInUse(new IOException("x", new AddressInUseException("y")), options);
        Assert.Equal(FailureCode.PortInUse, taken?.Code);
        Assert.Contains("1234", taken?.Message, StringComparison.Ordinal);
        Assert.Null(HttpServer.PortInUse(new IOException("x"), options));
    }

    [Fact]
    public async Task Build_HostThatIsNoAddress_IsRefused()
    {
        await using LoadedModels models = new([]);
        AppException e = Assert.Throws<AppException>(() => HttpServer.Build(new HttpServerOptions { Host = "example.invalid" }, models));
        Assert.Equal(FailureCode.InvalidRequest, e.Code);
        Assert.Equal("host", e.Parameter);
    }

    [Fact]
    public async Task Kestrel_BodyOf10MB_IsAnsweredWithAnErrorAndTheServerGoesOn()
    {
        await using LoadedModels models = new([TestHost.Loading("acme/tiny")]);
        await using var app = HttpServer.Build(new HttpServerOptions { Port = 0 }, models);
        await app.StartAsync(TestContext.Current.CancellationToken);
        using HttpClient client = new() { BaseAddress = new Uri(app.Urls.Single()) };
        using HttpResponseMessage response = await client.PostAsync("/v1/completions", new ByteArrayContent(new byte[10 << 20]), TestContext.Current.CancellationToken);
        Assert.Equal(System.Net.HttpStatusCode.RequestEntityTooLarge, response.StatusCode);
        Assert.Empty(response.Headers.Server);
        Assert.Equal("""{"status":"ok"}""", await client.GetStringAsync("/health", TestContext.Current.CancellationToken));
    }
}
