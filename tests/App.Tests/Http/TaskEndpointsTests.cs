using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;
using LlmService.App.Tasks;
using LlmService.Inference;
using LlmService.Inference.Kernels;

namespace LlmService.App.Http;

public sealed partial class TaskEndpointsTests
{
    private static readonly string[] Paths = ["/summarize", "/tags", "/analyze"];

    // Fields, the parameter that the answer names, the code.
    public static TheoryData<string, string, string> BadFields => new()
    {
        { "", "content", "invalid_request" },
        { "\"content\":null", "content", "invalid_request" },
        { "\"content\":\"\"", "content", "invalid_request" },
        { "\"content\":\" \\t\\r\\n\\u00a0\\u3000\"", "content", "invalid_request" },
        { "\"content\":[\"x\"]", "content", "invalid_request" },
        { "\"content\":\"\\ud800\"", "content", "invalid_request" },
        { "\"content\":\"x\",\"model\":7", "model", "invalid_request" },
        { "\"content\":\"x\",\"stream\":true", "stream", "unsupported_parameter" },
        { "\"content\":\"x\",\"n\":2", "n", "unsupported_parameter" },
        { "\"content\":\"x\",\"temperature\":0.5", "temperature", "unsupported_parameter" },
        { "\"content\":\"x\",\"max_tokens\":5", "max_tokens", "unsupported_parameter" },
        { "\"content\":\"x\",\"prompt\":\"y\"", "prompt", "unsupported_parameter" },
        { "\"content\":\"x\",\"messages\":[]", "messages", "unsupported_parameter" },
        { "\"content\":\"x\",\"tools\":[{}]", "tools", "unsupported_parameter" },
        { "\"content\":\"x\",\"guided_json\":{}", "guided_json", "unsupported_parameter" },
    };

    [Theory]
    [InlineData("/summarize", """{"model":"acme/tiny","summary":"Queue, Billing","parts":1,"usage":{"prompt_tokens":57,"completion_tokens":15,"total_tokens":72},"timings":T}""")]
    [InlineData("/tags", """{"model":"acme/tiny","tags":["queue","billing"],"parts":1,"usage":{"prompt_tokens":60,"completion_tokens":15,"total_tokens":75},"timings":T}""")]
    [InlineData("/analyze", """{"model":"acme/tiny","summary":"Queue, Billing","tags":["queue","billing"],"parts":1,"usage":{"prompt_tokens":117,"completion_tokens":30,"total_tokens":147},"timings":T}""")]
    public async Task Document_Answer_HasItsShape(string path, string expected)
    {
        await using TestHost host = await TestHost.StartAsync("Queue, Billing");
        string body = await host.PostForTextAsync(path, """{"content":"The document."}""");
        Assert.Equal(expected, Timings.Replace(body, "T"));
    }

    [Theory]
    [MemberData(nameof(BadFields))]
    public async Task Field_ThatIsBad_IsNamed(string fields, string parameter, string code)
    {
        await using TestHost host = await TestHost.StartAsync(TestHost.Loading("acme/tiny"));
        foreach (string path in Paths)
            await AssertErrorAsync(host, path, $"{{{fields}}}", HttpStatusCode.BadRequest, code, parameter);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{\"content\":")]
    [InlineData("[]")]
    [InlineData("{\"content\":\"a\",\"content\":\"b\"}")]
    public async Task Body_ThatIsNoJsonObject_IsRefused(string body)
    {
        await using TestHost host = await TestHost.StartAsync("x");
        await AssertErrorAsync(host, "/tags", body, HttpStatusCode.BadRequest, "invalid_request", null);
    }

    [Fact]
    public async Task Fields_ThatNobodyKnows_AreListedInAHeader()
    {
        await using TestHost host = await TestHost.StartAsync("x");
        using HttpResponseMessage response = await host.PostAsync("/tags", """{"content":"x","zeta":1,"user":"u","stream":false,"n":1,"stop":null}""");
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("unknown fields ignored: zeta", response.Headers.GetValues("x-llm-warnings").Single());
    }

    [Fact]
    public async Task Model_LeftOutWithSeveral_IsAskedFor()
    {
        await using TestHost host = await TestHost.StartAsync(
            TestHost.Ready("acme/one", new ScriptedRunner("one"), ByteTokenizer.Create()), TestHost.Ready("acme/two", new ScriptedRunner("two"), ByteTokenizer.Create()));
        await AssertErrorAsync(host, "/tags", """{"content":"x"}""", HttpStatusCode.BadRequest, "invalid_request", "model");
        await AssertErrorAsync(host, "/tags", """{"content":"x","model":"acme/three"}""", HttpStatusCode.NotFound, "model_not_found", "model");
        JsonElement answer = await host.PostForJsonAsync("/tags", """{"content":"x","model":"acme/two"}""");
        Assert.Equal("""["two"]""", answer.GetProperty("tags").GetRawText());
    }

    [Fact]
    public async Task Model_ThatIsNotReady_SaysWhy()
    {
        await using TestHost loading = await TestHost.StartAsync(TestHost.Loading("acme/tiny"));
        await AssertErrorAsync(loading, "/tags", """{"content":"x"}""", HttpStatusCode.ServiceUnavailable, "model_loading", "model");
        await using TestHost failed = await TestHost.StartAsync(TestHost.Failed("acme/tiny", FailureCode.Gated));
        await AssertErrorAsync(failed, "/tags", """{"content":"x"}""", HttpStatusCode.Forbidden, "gated", "model");
    }

    [Fact]
    public async Task Prompts_OfTheConfiguration_AreUsed()
    {
        HttpServerOptions options = new() { Prompts = TaskPrompts.Default with { DecoderTags = "Topics of '{content}':" } };
        await using TestHost host = await TestHost.StartAsync(options, TestHost.Ready("acme/tiny", new ScriptedRunner(prompt => prompt), ByteTokenizer.Create()));
        JsonElement answer = await host.PostForJsonAsync("/tags", """{"content":"x"}""");
        Assert.Equal("Topics of 'x':".Length, answer.GetProperty("usage").GetProperty("prompt_tokens").GetInt32());
    }

    [Fact]
    public async Task HangingUp_EndsAllParts()
    {
        using ManualResetEventSlim released = new();
        TaskCompletionSource started = new(TaskCreationOptions.RunContinuationsAsynchronously);
        ScriptedRunner runner = new("x")
        {
            OnForward = _ =>
            {
                started.TrySetResult();
                released.Wait();
            },
        };
        LoadedModel model = TestHost.Ready("acme/tiny", runner, ByteTokenizer.Create(), maxRunning: 1);
        await using TestHost host = await TestHost.StartAsync(model);
        using CancellationTokenSource client = new();
        using StringContent content = new($$"""{"content":"{{new string('x', 100_000)}}"}""");
        Task<HttpResponseMessage> request = host.Client.PostAsync("/tags", content, client.Token);
        await started.Task;
        await client.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => request);
        released.Set();
        await host.PostForTextAsync("/tags", """{"content":"x"}""");
        Assert.Equal((0, 0), (model.Engine!.RunningSequences, model.Engine.WaitingRequests));
    }

    [Fact]
    public async Task QueueThatIsFull_Is429()
    {
        using ManualResetEventSlim released = new();
        ScriptedRunner runner = new("x") { OnForward = _ => released.Wait() };
        await using TestHost host = await TestHost.StartAsync(TestHost.Ready("acme/tiny", runner, ByteTokenizer.Create(), maxRunning: 1));
        string body = $$"""{"content":"{{new string('x', 100_000)}}"}""";
        Task<HttpResponseMessage>[] requests = [.. Enumerable.Range(0, 2).Select(_ => host.PostAsync("/tags", body))];
        using HttpResponseMessage refused = await await Task.WhenAny(requests);
        Assert.Equal(HttpStatusCode.TooManyRequests, refused.StatusCode);
        Assert.NotNull(refused.Headers.RetryAfter);
        released.Set();
        await Task.WhenAll(requests);
    }

    [Theory]
    [InlineData("flan-t5")]
    [InlineData("llama-gqa")]
    [InlineData("qwen2-tied")]
    public async Task RealModel_AnyDocument_IsAnswered(string name)
    {
        string folder = Directory.CreateTempSubdirectory("tasks test ").FullName;
        try
        {
            foreach (string file in new[] { "config.json", "generation_config.json", "model.safetensors" })
                File.Copy(TestData.Fixture("golden", name, file), Path.Combine(folder, file));
            File.Copy(TestData.Fixture("tokenizers", "onnx-flan-t5", "tokenizer.json"), Path.Combine(folder, "tokenizer.json"));
            using WorkerPool workers = new(1);
            await using TestHost host = await TestHost.StartAsync(TestHost.Ready("acme/tiny", LlmEngine.Load(folder, new EngineOptions { Workers = workers })));
            foreach (string content in new[] { "A document. ", "中文文件。", "😀", "\0\u0001", "</s><unk>", new string('x', 600), string.Concat(Enumerable.Repeat("The queue waits.\n\n", 30)) })
            {
                string body = JsonSerializer.Serialize(content);
                JsonElement first = await host.PostForJsonAsync("/analyze", $$"""{"content":{{body}}}""");
                JsonElement second = await host.PostForJsonAsync("/analyze", $$"""{"content":{{body}}}""");
                Assert.Equal(first.GetProperty("summary").GetString(), second.GetProperty("summary").GetString());
                Assert.Equal(first.GetProperty("tags").GetRawText(), second.GetProperty("tags").GetRawText());
                Assert.DoesNotContain("unk>", first.GetProperty("summary").GetString() + first.GetProperty("tags").GetRawText(), StringComparison.Ordinal);
                Assert.InRange(first.GetProperty("tags").GetArrayLength(), 0, 10);
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [GeneratedRegex("""(?<="timings":)\{"first_token_ms":[0-9.]+,"total_ms":[0-9.]+,"tokens_per_second":[0-9.]+\}""")]
    private static partial Regex Timings { get; }

    private static async Task AssertErrorAsync(TestHost host, string path, string body, HttpStatusCode status, string code, string? parameter)
    {
        using HttpResponseMessage response = await host.PostAsync(path, body);
        JsonElement error = (await TestHost.JsonAsync(response)).GetProperty("error");
        Assert.True(response.StatusCode == status, error.ToString());
        Assert.Equal((code, parameter), (error.GetProperty("code").GetString(), error.GetProperty("param").GetString()));
    }
}
