using System.Net;
using System.Text;
using System.Text.Json;
using LlmService.App.Check;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.TestHost;

namespace LlmService.App.Http;

public sealed class CheckEndpointTests
{
    [Fact]
    public async Task Post_ModelThatWouldFail_IsAnsweredWithItsTable()
    {
        CheckReport report = new("acme/tiny", [new("gate", CheckStatus.Failed, "closed"), new("memory", CheckStatus.NotReached, "")],
            new Failure(FailureCode.Gated, "It is gated.", "Ask.", "GatedPending"));

        (HttpStatusCode status, JsonElement json) = await PostAsync("""{"model":"acme/tiny"}""", (model, _) => Task.FromResult(report with { Model = model.Text }));

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.False(json.GetProperty("ok").GetBoolean());
        Assert.Equal("not_reached", json.GetProperty("steps")[1].GetProperty("status").GetString());
        Assert.Equal(("gated", "GatedPending", "Ask."),
            (json.GetProperty("code").GetString(), json.GetProperty("diagnosis").GetString(), json.GetProperty("remedy").GetString()));
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"model":7}""")]
    [InlineData("""{"model":"a//b"}""")]
    [InlineData("""{"model":"/etc"}""")]
    [InlineData("""{"model":"../somewhere"}""")]
    [InlineData("""{"model":"~"}""")]
    public async Task Post_WhatIsNoModelOfTheHub_IsRefusedWithoutALook(string body)
    {
        (HttpStatusCode status, JsonElement json) = await PostAsync(body, (_, _) => throw new InvalidOperationException("it was looked at"));

        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Equal("model", json.GetProperty("error").GetProperty("param").GetString());
    }

    [Fact]
    public async Task Post_ModelThatIsServed_IsCheckedAsItWasNamed()
    {
        (_, JsonElement json) = await PostAsync("""{"model":"x"}""", (model, _) => Task.FromResult(new CheckReport(model.Folder!, [], null)),
            new LoadedModel(ModelReference.Parse("/models/x", "/", "/"), TestHost.Created));

        Assert.Equal("/models/x", json.GetProperty("model").GetString());
    }

    private static async Task<(HttpStatusCode Status, JsonElement Json)> PostAsync(
        string body, Func<ModelReference, CancellationToken, Task<CheckReport>> check, params LoadedModel[] models)
    {
        CancellationToken cancel = TestContext.Current.CancellationToken;
        await using LoadedModels loaded = new(models);
        await using WebApplication app = HttpServer.Build(new HttpServerOptions { Check = check }, loaded, web => web.UseTestServer());
        await app.StartAsync(cancel);
        using HttpClient client = app.GetTestClient();
        using HttpResponseMessage response = await client.PostAsync("/v1/models/check", new StringContent(body, Encoding.UTF8, "application/json"), cancel);
        using JsonDocument json = JsonDocument.Parse(await response.Content.ReadAsStringAsync(cancel));
        return (response.StatusCode, json.RootElement.Clone());
    }
}
