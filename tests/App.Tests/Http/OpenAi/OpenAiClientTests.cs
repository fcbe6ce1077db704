using System.ClientModel;
using System.ClientModel.Primitives;
using System.Text.Json;
using LlmService.Inference;
using LlmService.Inference.Kernels;
using OpenAI;
using OpenAI.Chat;
using OpenAI.Embeddings;
using OpenAI.Models;

namespace LlmService.App.Http.OpenAi;

/// <summary>The official client, with only its base address changed.</summary>
public sealed class OpenAiClientTests
{
    [Fact]
    public async Task Models_AreListedAndFound()
    {
        await using TestHost host = await TestHost.StartAsync("ok");
        using HttpClient http = new(host.CreateHandler());
        OpenAIModelClient models = Connect(http).GetOpenAIModelClient();
        OpenAIModelCollection list = await models.GetModelsAsync(TestContext.Current.CancellationToken);
        Assert.Equal(["acme/tiny"], list.Select(m => m.Id));
        OpenAIModel model = await models.GetModelAsync("acme/tiny", TestContext.Current.CancellationToken);
        Assert.Equal(TestHost.Created, model.CreatedAt);
        Assert.Equal("acme", model.OwnedBy);
    }

    /// <summary>The client asks for base64 unless it is told otherwise.</summary>
    [Fact]
    public async Task Embeddings_AreUnderstood()
    {
        using EncoderFolder folder = EncoderFolder.Embedder();
        await using TestHost host = await TestHost.StartAsync(TestHost.Ready("acme/tiny", LlmEngine.Load(folder.Folder, new EngineOptions { Workers = new WorkerPool(1) })));
        using HttpClient http = new(host.CreateHandler());
        EmbeddingClient client = Connect(http).GetEmbeddingClient("acme/tiny");
        OpenAIEmbeddingCollection vectors = await client.GenerateEmbeddingsAsync(["one long text", "b"], new EmbeddingGenerationOptions { Dimensions = 8 }, TestContext.Current.CancellationToken);
        Assert.Equal([0, 1], vectors.Select(vector => vector.Index));
        Assert.All(vectors, vector => Assert.Equal(1, vector.ToFloats().ToArray().Sum(value => value * value), 1e-5f));
        Assert.All(vectors, vector => Assert.Equal(8, vector.ToFloats().Length));
        Assert.Equal(8, vectors.Usage.TotalTokenCount);
    }

    [Fact]
    public async Task Chat_Whole_IsUnderstood()
    {
        await using TestHost host = await TestHost.StartAsync("Hello there");
        using HttpClient http = new(host.CreateHandler());
        ChatCompletionOptions options = new() { MaxOutputTokenCount = 50, Temperature = 0, IncludeLogProbabilities = true, TopLogProbabilityCount = 1, StopSequences = { " there" } };
        ChatCompletion answer = await Connect(http).GetChatClient("acme/tiny").CompleteChatAsync(
            [new SystemChatMessage("Be kind."), new UserChatMessage(ChatMessageContentPart.CreateTextPart("Hi"))], options, TestContext.Current.CancellationToken);
        Assert.Equal("Hello", answer.Content[0].Text);
        Assert.Equal(ChatFinishReason.Stop, answer.FinishReason);
        Assert.Equal(answer.Usage.InputTokenCount + answer.Usage.OutputTokenCount, answer.Usage.TotalTokenCount);
        Assert.Equal("H", answer.ContentTokenLogProbabilities[0].Token);
    }

    [Fact]
    public async Task Chat_Streamed_IsUnderstood()
    {
        await using TestHost host = await TestHost.StartAsync("Grüße");
        using HttpClient http = new(host.CreateHandler());
        string text = "";
        List<StreamingChatCompletionUpdate> updates = [];
        await foreach (StreamingChatCompletionUpdate update in Connect(http).GetChatClient("acme/tiny")
            .CompleteChatStreamingAsync([new UserChatMessage("Hi")], cancellationToken: TestContext.Current.CancellationToken))
        {
            updates.Add(update);
            text += string.Concat(update.ContentUpdate.Select(c => c.Text));
        }
        Assert.Equal("Grüße", text);
        Assert.Equal(ChatMessageRole.Assistant, updates[0].Role);
        Assert.Single(updates, u => u.FinishReason == ChatFinishReason.Stop);
        Assert.Equal(8, updates[^1].Usage.OutputTokenCount);
        Assert.Single(updates.Select(u => u.CompletionId).Distinct());
    }

    [Fact]
    public async Task Completion_ThroughTheProtocolMethods_IsUnderstood()
    {
        await using TestHost host = await TestHost.StartAsync("ok");
        using HttpClient http = new(host.CreateHandler());
        ClientPipeline pipeline = Connect(http).Pipeline;
        using PipelineMessage message = pipeline.CreateMessage();
        message.Request.Method = "POST";
        message.Request.Uri = new Uri("http://localhost/v1/completions");
        message.Request.Headers.Set("Content-Type", "application/json");
        message.Request.Content = BinaryContent.Create(BinaryData.FromString("""{"model":"acme/tiny","prompt":"ab"}"""));
        await pipeline.SendAsync(message);
        using JsonDocument body = JsonDocument.Parse(message.Response!.Content);
        Assert.Equal("ok", body.RootElement.GetProperty("choices")[0].GetProperty("text").GetString());
    }

    [Fact]
    public async Task Errors_ReachTheCaller()
    {
        await using TestHost host = await TestHost.StartAsync("ok");
        using HttpClient http = new(host.CreateHandler());
        ClientResultException error = await Assert.ThrowsAsync<ClientResultException>(
            () => Connect(http).GetChatClient("nobody/nothing").CompleteChatAsync([new UserChatMessage("Hi")], cancellationToken: TestContext.Current.CancellationToken));
        Assert.Equal(404, error.Status);
        Assert.Contains("model_not_found", error.Message, StringComparison.Ordinal);
    }

    private static OpenAIClient Connect(HttpClient http) => new(new ApiKeyCredential("unused"), new OpenAIClientOptions
    {
        Endpoint = new Uri("http://localhost/v1"),
        Transport = new HttpClientPipelineTransport(http),
        RetryPolicy = new ClientRetryPolicy(0),
    });
}
