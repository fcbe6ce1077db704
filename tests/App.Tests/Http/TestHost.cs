using System.Net;
using System.Text.Json;
using LlmService.Inference;
using LlmService.Inference.Configuration;
using LlmService.Inference.Kernels;
using LlmService.Tokenizers;
using LlmService.Tokenizers.Chat;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.TestHost;

namespace LlmService.App.Http;

/// <summary>The server in memory, without a port.</summary>
internal sealed class TestHost : IAsyncDisposable
{
    public static readonly DateTimeOffset Created = DateTimeOffset.FromUnixTimeSeconds(1_700_000_000);

    private readonly WebApplication _app;
    private readonly LoadedModels _models;

    private TestHost(WebApplication app, LoadedModels models)
    {
        _app = app;
        _models = models;
        Client = new HttpClient(CreateHandler()) { BaseAddress = app.GetTestServer().BaseAddress };
    }

    public HttpClient Client { get; }

    public HttpMessageHandler CreateHandler() => new WatchedHandler(_app.GetTestServer().CreateHandler());

    public static Task<TestHost> StartAsync(params IReadOnlyList<LoadedModel> all) => StartAsync(new HttpServerOptions(), all);

    public static async Task<TestHost> StartAsync(HttpServerOptions options, params IReadOnlyList<LoadedModel> all)
    {
        LoadedModels models = new(all);
        WebApplication app = HttpServer.Build(options with { TimeProvider = new StoppedClock() }, models, web => web.UseTestServer());
        await app.StartAsync(TestContext.Current.CancellationToken);
        return new(app, models);
    }

    /// <summary>A server with one ready model, <c>acme/tiny</c>, that answers a fixed text.</summary>
    public static Task<TestHost> StartAsync(string answer) => StartAsync(Ready("acme/tiny", new ScriptedRunner(answer), ByteTokenizer.Create()));

    public static LoadedModel Loading(string id) => new(ModelReference.Parse(id, "/nowhere", "/nowhere"), Created);

    public static LoadedModel Failed(string id, FailureCode code)
    {
        LoadedModel model = Loading(id);
        model.Fail(new(code, "It did not work.", "Do something else.", "GatedPending"));
        return model;
    }

    public static LoadedModel Ready(string id, ScriptedRunner runner, Tokenizer? tokenizer,
        TokenizerConfig? tokenizerConfig = null, GenerationConfiguration? generation = null, int maxRunning = 8, ChatTemplate? chatTemplate = null)
    {
        GenerationConfiguration configuration = (generation ?? new()) with { EndTokenIds = [ByteTokenizer.EndTokenId] };
        EngineOptions options = new() { Workers = new WorkerPool(1), MaxRunningSequences = maxRunning, MaxWaitingRequests = 8 };
        return Ready(id, new LlmEngine(runner, tokenizer, tokenizerConfig ?? new(), configuration, options) { ChatTemplate = chatTemplate });
    }

    public static LoadedModel Ready(string id, LlmEngine engine)
    {
        LoadedModel model = Loading(id);
        model.Complete(engine);
        return model;
    }

    public Task<HttpResponseMessage> PostAsync(string path, string json) =>
        Client.PostAsync(path, new StringContent(json, System.Text.Encoding.UTF8, "application/json"), TestContext.Current.CancellationToken);

    /// <summary>The body of an answer that must be 200.</summary>
    public async Task<string> PostForTextAsync(string path, string json)
    {
        using HttpResponseMessage response = await PostAsync(path, json);
        string body = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.True(response.StatusCode == HttpStatusCode.OK, body);
        return body;
    }

    public async Task<JsonElement> PostForJsonAsync(string path, string json) => Json(await PostForTextAsync(path, json));

    public static async Task<JsonElement> JsonAsync(HttpResponseMessage response) =>
        Json(await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _app.DisposeAsync();
        await _models.DisposeAsync();
    }

    private static JsonElement Json(string text)
    {
        using JsonDocument document = JsonDocument.Parse(text);
        return document.RootElement.Clone();
    }

    private sealed class StoppedClock : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => Created;
    }
}
