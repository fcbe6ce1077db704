using System.Net;
using System.Text.Json;

namespace LlmService.App.Http.OpenAi;

public sealed class ModelsTests
{
    private const string Tiny = """{"id":"acme/tiny","object":"model","created":1700000000,"owned_by":"acme","max_model_len":256}""";

    [Fact]
    public async Task List_HasTheReadyModelsOnly()
    {
        await using TestHost host = await StartAsync();
        Assert.Equal($$"""{"object":"list","data":[{{Tiny}}]}""", await host.Client.GetStringAsync("/v1/models", TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData("/v1/models/acme/tiny")]
    [InlineData("/v1/models/acme%2Ftiny")]
    [InlineData("/v1/models/acme%2ftiny")]
    public async Task Get_FindsAnIdWithASlash(string path)
    {
        await using TestHost host = await StartAsync();
        Assert.Equal(Tiny, await host.Client.GetStringAsync(path, TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData("/v1/models/acme/other", HttpStatusCode.NotFound, "model_not_found")]
    [InlineData("/v1/models/acme/late", HttpStatusCode.ServiceUnavailable, "model_loading")]
    [InlineData("/v1/models/acme/gated", HttpStatusCode.Forbidden, "gated")]
    public async Task Get_NotReady_TellsWhy(string path, HttpStatusCode status, string code)
    {
        await using TestHost host = await StartAsync();
        using HttpResponseMessage response = await host.Client.GetAsync(path, TestContext.Current.CancellationToken);
        Assert.Equal(status, response.StatusCode);
        JsonElement error = (await TestHost.JsonAsync(response)).GetProperty("error");
        Assert.Equal(code, error.GetProperty("code").GetString());
    }

    private static Task<TestHost> StartAsync() => TestHost.StartAsync(
        TestHost.Ready("acme/tiny", new ScriptedRunner("ok"), null), TestHost.Loading("acme/late"), TestHost.Failed("acme/gated", FailureCode.Gated));
}
