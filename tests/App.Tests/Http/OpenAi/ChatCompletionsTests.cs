using System.Net;
using System.Text.Json;

namespace LlmService.App.Http.OpenAi;

public sealed class ChatCompletionsTests
{
    private const string Path = "/v1/chat/completions";

    [Fact]
    public async Task Whole_HasTheShapeOfOpenAi()
    {
        await using TestHost host = await TestHost.StartAsync(" Hi.");
        string body = await host.PostForTextAsync(Path, """{"model":"acme/tiny","messages":[{"role":"user","content":"Hello"}]}""");
        using JsonDocument json = JsonDocument.Parse(body);
        string id = json.RootElement.GetProperty("id").GetString()!;
        Assert.StartsWith("chatcmpl-", id, StringComparison.Ordinal);
        Assert.Equal(
            """{"id":"ID","object":"chat.completion","created":1700000000,"model":"acme/tiny","choices":[{"index":0,"message":{"role":"assistant","content":" Hi.","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":22,"completion_tokens":5,"total_tokens":27}}""",
            body.Replace(id, "ID", StringComparison.Ordinal));
    }

    [Fact]
    public async Task LogProbabilities_HaveTheShapeOfChat()
    {
        await using TestHost host = await TestHost.StartAsync("é");
        JsonElement body = await host.PostForJsonAsync(Path,
            """{"model":"acme/tiny","messages":[{"role":"user","content":"x"}],"logprobs":true,"top_logprobs":2,"max_completion_tokens":2}""");
        JsonElement content = body.GetProperty("choices")[0].GetProperty("logprobs").GetProperty("content");
        Assert.Equal(2, content.GetArrayLength());
        Assert.Equal("""bytes:\xc3""", content[0].GetProperty("token").GetString());
        Assert.Equal("[195]", content[0].GetProperty("bytes").GetRawText());
        Assert.Equal(2, content[0].GetProperty("top_logprobs").GetArrayLength());
        Assert.Equal("a", content[0].GetProperty("top_logprobs")[1].GetProperty("token").GetString());
    }

    [Fact]
    public async Task LogProbabilities_WithoutAlternatives_HaveAnEmptyList()
    {
        await using TestHost host = await TestHost.StartAsync("x");
        JsonElement body = await host.PostForJsonAsync(Path, """{"model":"acme/tiny","messages":[{"role":"user","content":"x"}],"logprobs":true}""");
        JsonElement content = body.GetProperty("choices")[0].GetProperty("logprobs").GetProperty("content");
        Assert.Equal("[]", content[0].GetProperty("top_logprobs").GetRawText());
        Assert.Equal(JsonValueKind.Null, content[1].GetProperty("bytes").ValueKind);
    }

    [Fact]
    public async Task MaxTokens_AbsentMeansWhatIsLeftOfTheContext()
    {
        await using TestHost host = await TestHost.StartAsync(TestHost.Ready("acme/tiny", new ScriptedRunner("z") { IsEndless = true }, ByteTokenizer.Create()));
        JsonElement body = await host.PostForJsonAsync(Path, """{"model":"acme/tiny","messages":[{"role":"user","content":"x"}]}""");
        Assert.Equal(256, body.GetProperty("usage").GetProperty("total_tokens").GetInt32());
        Assert.Equal("length", body.GetProperty("choices")[0].GetProperty("finish_reason").GetString());
    }

    [Fact]
    public async Task ModelWithoutTokenizer_IsRefused()
    {
        await using TestHost host = await TestHost.StartAsync(TestHost.Ready("acme/tiny", new ScriptedRunner("x"), null));
        await RefusesAsync(host, "invalid_request", "messages");
    }

    private static async Task RefusesAsync(TestHost host, string code, string parameter)
    {
        using HttpResponseMessage response = await host.PostAsync(Path, """{"model":"acme/tiny","messages":[{"role":"user","content":"x"}]}""");
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        JsonElement error = (await TestHost.JsonAsync(response)).GetProperty("error");
        Assert.Equal(code, error.GetProperty("code").GetString());
        Assert.Equal(parameter, error.GetProperty("param").GetString());
    }
}
