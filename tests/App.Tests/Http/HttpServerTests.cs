namespace LlmService.App.Http;

public sealed class HttpServerTests
{
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
