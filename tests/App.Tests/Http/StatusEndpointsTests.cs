using System.Net;
using System.Text.Json;

namespace LlmService.App.Http;

public sealed class StatusEndpointsTests
{
    [Fact]
    public async Task Health_WhileAModelLoads_IsOk()
    {
        await using TestHost host = await TestHost.StartAsync(TestHost.Loading("acme/tiny"));
        using HttpResponseMessage response = await host.Client.GetAsync("/health", TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("""{"status":"ok"}""", await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        Assert.StartsWith("req_", response.Headers.GetValues("x-request-id").Single(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ready_WhileAModelLoads_Is503WithProgressAndRetryAfter()
    {
        LoadedModel model = TestHost.Loading("acme/tiny");
        model.Report("downloading 10 %");
        await using TestHost host = await TestHost.StartAsync(model);
        using HttpResponseMessage response = await host.Client.GetAsync("/ready", TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.Equal(TimeSpan.FromSeconds(2), response.Headers.RetryAfter?.Delta);
        Assert.Equal("""{"status":"loading","models":[{"id":"acme/tiny","state":"loading","progress":"downloading 10 %"}]}""",
            await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Ready_OnlyModelFailed_Is503WithTheReason()
    {
        await using TestHost host = await TestHost.StartAsync(TestHost.Failed("acme/tiny", FailureCode.Gated));
        using HttpResponseMessage response = await host.Client.GetAsync("/ready", TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.Null(response.Headers.RetryAfter);
        JsonElement model = (await TestHost.JsonAsync(response)).GetProperty("models")[0];
        Assert.Equal("failed", model.GetProperty("state").GetString());
        Assert.Equal("gated", model.GetProperty("error").GetProperty("code").GetString());
        Assert.Equal("GatedPending", model.GetProperty("error").GetProperty("diagnosis").GetString());
        Assert.Equal("Do something else.", model.GetProperty("error").GetProperty("remedy").GetString());
    }

    [Fact]
    public async Task Ready_OneReadyAndOneFailed_IsOk()
    {
        await using TestHost host = await TestHost.StartAsync(
            TestHost.Failed("acme/gone", FailureCode.ModelNotFound), TestHost.Ready("acme/tiny", new ScriptedRunner("hi"), null));
        using HttpResponseMessage response = await host.Client.GetAsync("/ready", TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        JsonElement body = await TestHost.JsonAsync(response);
        Assert.Equal(["failed", "ready"], body.GetProperty("models").EnumerateArray().Select(m => m.GetProperty("state").GetString()));
    }

    [Theory]
    [InlineData("GET", "/nothing", HttpStatusCode.NotFound, "not_found")]
    [InlineData("GET", "/v1/completions", HttpStatusCode.MethodNotAllowed, "invalid_request")]
    [InlineData("DELETE", "/health", HttpStatusCode.MethodNotAllowed, "invalid_request")]
    public async Task UnknownPathOrMethod_AnswersInTheFormOfOpenAi(string method, string path, HttpStatusCode status, string code)
    {
        await using TestHost host = await TestHost.StartAsync(TestHost.Loading("acme/tiny"));
        using HttpRequestMessage request = new(new HttpMethod(method), path);
        using HttpResponseMessage response = await host.Client.SendAsync(request, TestContext.Current.CancellationToken);
        Assert.Equal(status, response.StatusCode);
        Assert.Equal("application/json", response.Content.Headers.ContentType?.MediaType);
        JsonElement error = (await TestHost.JsonAsync(response)).GetProperty("error");
        Assert.Equal(code, error.GetProperty("code").GetString());
        Assert.Equal("invalid_request_error", error.GetProperty("type").GetString());
        Assert.Equal(JsonValueKind.Null, error.GetProperty("param").ValueKind);
        Assert.Contains(path, error.GetProperty("message").GetString(), StringComparison.Ordinal);
    }
}
