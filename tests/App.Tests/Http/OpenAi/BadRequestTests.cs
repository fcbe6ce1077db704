using System.Net;
using System.Text.Json;

namespace LlmService.App.Http.OpenAi;

public sealed class BadRequestTests
{
    private const string Prompt = "\"model\":\"acme/tiny\",\"prompt\":\"x\"";
    private const string Messages = "\"model\":\"acme/tiny\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]";

    public static TheoryData<string, string?> NotJsonObjects => new()
    {
        { "", null }, { "  ", null }, { "{", "line 1" }, { "{\n\"model\": oops}", "line 2, byte 10" }, { "[]", "array" }, { "\"x\"", "string" },
        { """{"model":"a","model":"b"}""", "twice" }, { """{"\ud800":1}""", "surrogate" }, { new string('[', 100), "more than 32 levels deep: line 1, byte 33" },
        { string.Concat(Enumerable.Repeat("{\"a\":", 33)), "more than 32 levels deep" }, { new string('[', 32), "not valid JSON: line 1" }, { "[}" + new string('[', 100), "not valid JSON: line 1, byte 2" },
    };

    // Fields, the parameter that the answer names, the code.
    public static TheoryData<string, string, string> BadCompletions => new()
    {
        { "\"prompt\":\"x\"", "model", "invalid_request" },
        { "\"model\":\"acme/tiny\"", "prompt", "invalid_request" },
        { "\"model\":7,\"prompt\":\"x\"", "model", "invalid_request" },
        { "\"model\":\"\\ud800\",\"prompt\":\"x\"", "model", "invalid_request" },
        { "\"model\":\"acme/tiny\",\"prompt\":[]", "prompt", "invalid_request" },
        { "\"model\":\"acme/tiny\",\"prompt\":{}", "prompt", "invalid_request" },
        { "\"model\":\"acme/tiny\",\"prompt\":[1,\"x\"]", "prompt", "invalid_request" },
        { "\"model\":\"acme/tiny\",\"prompt\":[\"x\",1]", "prompt[1]", "invalid_request" },
        { "\"model\":\"acme/tiny\",\"prompt\":[[1],[]]", "prompt[1]", "invalid_request" },
        { "\"model\":\"acme/tiny\",\"prompt\":[-1]", "prompt", "invalid_request" },
        { "\"model\":\"acme/tiny\",\"prompt\":[1.5]", "prompt", "invalid_request" },
        { Prompt + ",\"max_tokens\":-1", "max_tokens", "invalid_request" },
        { Prompt + ",\"max_tokens\":0", "max_tokens", "invalid_request" },
        { Prompt + ",\"max_tokens\":\"5\"", "max_tokens", "invalid_request" },
        { Prompt + ",\"max_tokens\":99999999999999999999", "max_tokens", "invalid_request" },
        { Prompt + ",\"max_tokens\":4,\"min_tokens\":5", "min_tokens", "invalid_request" },
        { Prompt + ",\"temperature\":-0.1", "temperature", "invalid_request" },
        { Prompt + ",\"temperature\":1e400", "temperature", "invalid_request" },
        { Prompt + ",\"temperature\":1e39", "temperature", "invalid_request" },
        { Prompt + ",\"temperature\":\"NaN\"", "temperature", "invalid_request" },
        { Prompt + ",\"top_p\":1.1", "top_p", "invalid_request" },
        { Prompt + ",\"top_k\":-2", "top_k", "invalid_request" },
        { Prompt + ",\"min_p\":2", "min_p", "invalid_request" },
        { Prompt + ",\"repetition_penalty\":0", "repetition_penalty", "invalid_request" },
        { Prompt + ",\"presence_penalty\":3", "presence_penalty", "invalid_request" },
        { Prompt + ",\"frequency_penalty\":-3", "frequency_penalty", "invalid_request" },
        { Prompt + ",\"n\":0", "n", "invalid_request" },
        { Prompt + ",\"n\":129", "n", "invalid_request" },
        { Prompt + ",\"logprobs\":21", "logprobs", "invalid_request" },
        { Prompt + ",\"logprobs\":true", "logprobs", "invalid_request" },
        { Prompt + ",\"echo\":1", "echo", "invalid_request" },
        { Prompt + ",\"stream\":\"yes\"", "stream", "invalid_request" },
        { Prompt + ",\"stream_options\":true", "stream_options", "invalid_request" },
        { Prompt + ",\"stream_options\":{\"include_usage\":1}", "stream_options.include_usage", "invalid_request" },
        { Prompt + ",\"stop\":\"\"", "stop", "invalid_request" },
        { Prompt + ",\"stop\":[1]", "stop[0]", "invalid_request" },
        { Prompt + ",\"stop\":5", "stop", "invalid_request" },
        { Prompt + ",\"seed\":1.5", "seed", "invalid_request" },
        { Prompt + ",\"logit_bias\":[]", "logit_bias", "invalid_request" },
        { Prompt + ",\"logit_bias\":{\"x\":1}", "logit_bias", "invalid_request" },
        { Prompt + ",\"logit_bias\":{\"5\":101}", "logit_bias.5", "invalid_request" },
        { Prompt + ",\"logit_bias\":{\"5\":1,\"05\":2}", "logit_bias", "invalid_request" },
        { Prompt + ",\"forced_bos_token_id\":[1,2]", "forced_bos_token_id", "invalid_request" },
        { Prompt + ",\"best_of\":2", "best_of", "unsupported_parameter" },
        { Prompt + ",\"suffix\":\"end\"", "suffix", "unsupported_parameter" },
        { Prompt + ",\"guided_json\":{}", "guided_json", "unsupported_parameter" },
        { Prompt + ",\"store\":true", "store", "unsupported_parameter" },
        { Prompt + ",\"service_tier\":\"flex\"", "service_tier", "unsupported_parameter" },
    };

    public static TheoryData<string, string, string> BadChats => new()
    {
        { "\"messages\":[]", "model", "invalid_request" },
        { "\"model\":\"acme/tiny\"", "messages", "invalid_request" },
        { "\"model\":\"acme/tiny\",\"messages\":[]", "messages", "invalid_request" },
        { "\"model\":\"acme/tiny\",\"messages\":[7]", "messages[0]", "invalid_request" },
        { "\"model\":\"acme/tiny\",\"messages\":[{\"content\":\"x\"}]", "messages[0].role", "invalid_request" },
        { "\"model\":\"acme/tiny\",\"messages\":[{\"role\":\"king\",\"content\":\"x\"}]", "messages[0].role", "invalid_request" },
        { "\"model\":\"acme/tiny\",\"messages\":[{\"role\":\"user\",\"content\":null}]", "messages[0].content", "invalid_request" },
        { "\"model\":\"acme/tiny\",\"messages\":[{\"role\":\"user\",\"content\":5}]", "messages[0].content", "invalid_request" },
        { "\"model\":\"acme/tiny\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\"}]}]", "messages[0].content[0].text", "invalid_request" },
        { "\"model\":\"acme/tiny\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{}}]}]", "messages[0].content[0].type", "unsupported_parameter" },
        { "\"model\":\"acme/tiny\",\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{}]}]", "messages[0].tool_calls", "unsupported_parameter" },
        { Messages + ",\"max_tokens\":0", "max_tokens", "invalid_request" },
        { Messages + ",\"max_completion_tokens\":-4", "max_completion_tokens", "invalid_request" },
        { Messages + ",\"max_tokens\":4,\"max_completion_tokens\":5", "max_tokens", "invalid_request" },
        { Messages + ",\"logprobs\":5", "logprobs", "invalid_request" },
        { Messages + ",\"top_logprobs\":5", "top_logprobs", "invalid_request" },
        { Messages + ",\"logprobs\":true,\"top_logprobs\":21", "top_logprobs", "invalid_request" },
        { Messages + ",\"tools\":[{\"type\":\"function\"}]", "tools", "unsupported_parameter" },
        { Messages + ",\"tool_choice\":\"required\"", "tool_choice", "unsupported_parameter" },
        { Messages + ",\"functions\":[{}]", "functions", "unsupported_parameter" },
        { Messages + ",\"response_format\":{\"type\":\"json_object\"}", "response_format", "unsupported_parameter" },
        { Messages + ",\"modalities\":[\"text\",\"audio\"]", "modalities", "unsupported_parameter" },
        { Messages + ",\"audio\":{}", "audio", "unsupported_parameter" },
        { Messages + ",\"prediction\":{}", "prediction", "unsupported_parameter" },
        { Messages + ",\"web_search_options\":{}", "web_search_options", "unsupported_parameter" },
        { Messages + ",\"reasoning_effort\":\"low\"", "reasoning_effort", "unsupported_parameter" },
        { Messages + ",\"grammar\":\"root ::= x\"", "grammar", "unsupported_parameter" },
        { Messages + ",\"stream_options\":{\"continuous_usage_stats\":true}", "stream_options.continuous_usage_stats", "unsupported_parameter" },
    };

    [Theory]
    [MemberData(nameof(NotJsonObjects))]
    public async Task Body_ThatIsNoJsonObject_IsRefused(string body, string? says)
    {
        await using TestHost host = await TestHost.StartAsync(TestHost.Loading("acme/tiny"));
        using HttpResponseMessage response = await host.PostAsync("/v1/completions", body);
        JsonElement error = await ErrorAsync(response, HttpStatusCode.BadRequest);
        Assert.Equal("invalid_request", error.GetProperty("code").GetString());
        Assert.Contains(says ?? "empty", error.GetProperty("message").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(BadCompletions))]
    public Task Completions_BadField_NamesIt(string fields, string parameter, string code) => RefusesAsync("/v1/completions", fields, parameter, code);

    [Theory]
    [MemberData(nameof(BadChats))]
    public Task Chat_BadField_NamesIt(string fields, string parameter, string code) => RefusesAsync("/v1/chat/completions", fields, parameter, code);

    [Theory]
    [InlineData("\"temperature\":-1", "'temperature' must be a number of at least 0, not -1.")]
    [InlineData("\"temperature\":1e39", "'temperature' must be a number from 0 to 3.40282347E+38, not 1e39.")]
    [InlineData("\"temperature\":1e999", "'temperature' must be a number from 0 to 3.40282347E+38, not 1e999.")]
    [InlineData("\"min_p\":2", "'min_p' must be a number from 0 to 1, not 2.")]
    public async Task Number_OutOfRange_IsToldTheBoundThatItBreaks(string field, string message)
    {
        await using TestHost host = await TestHost.StartAsync(TestHost.Loading("acme/tiny"));
        using HttpResponseMessage response = await host.PostAsync("/v1/completions", $"{{{Prompt},{field}}}");
        Assert.Equal(message, (await ErrorAsync(response, HttpStatusCode.BadRequest)).GetProperty("message").GetString());
    }

    /// <summary>What a request has too much of is not read first: megabytes of empty lists would take seconds.</summary>
    [Fact]
    public async Task Prompts_TooMany_AreCountedBeforeTheyAreRead()
    {
        await using TestHost host = await TestHost.StartAsync(TestHost.Loading("acme/tiny"));
        using HttpResponseMessage response = await host.PostAsync("/v1/completions", $$"""{"model":"acme/tiny","prompt":[{{string.Join(',', Enumerable.Repeat("[]", 257))}}]}""");
        Assert.StartsWith("257 prompts with 1 answers each", (await ErrorAsync(response, HttpStatusCode.BadRequest)).GetProperty("message").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Body_WithBrokenUtf8_IsRefused()
    {
        await using TestHost host = await TestHost.StartAsync(TestHost.Loading("acme/tiny"));
        using ByteArrayContent content = new([(byte)'{', (byte)'"', 0xFF, (byte)'"', (byte)':', (byte)'1', (byte)'}']);
        using HttpResponseMessage response = await host.Client.PostAsync("/v1/completions", content, TestContext.Current.CancellationToken);
        JsonElement error = await ErrorAsync(response, HttpStatusCode.BadRequest);
        Assert.Contains("UTF-8", error.GetProperty("message").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Body_LargerThan8MB_IsRefused()
    {
        await using TestHost host = await TestHost.StartAsync(TestHost.Loading("acme/tiny"));
        using HttpResponseMessage response = await host.PostAsync("/v1/completions", new string(' ', 10 << 20));
        JsonElement error = await ErrorAsync(response, HttpStatusCode.RequestEntityTooLarge);
        Assert.Equal("request_too_large", error.GetProperty("code").GetString());
    }

    [Fact]
    public async Task Model_ThatNobodyAskedFor_IsNotFound()
    {
        await using TestHost host = await TestHost.StartAsync(TestHost.Loading("acme/tiny"));
        using HttpResponseMessage response = await host.PostAsync("/v1/completions", """{"model":"other","prompt":"x"}""");
        JsonElement error = await ErrorAsync(response, HttpStatusCode.NotFound);
        Assert.Equal("model_not_found", error.GetProperty("code").GetString());
        Assert.Equal("model", error.GetProperty("param").GetString());
    }

    [Fact]
    public async Task Model_ThatIsLoading_Is503WithRetryAfter()
    {
        await using TestHost host = await TestHost.StartAsync(TestHost.Loading("acme/tiny"));
        using HttpResponseMessage response = await host.PostAsync("/v1/completions", $"{{{Prompt}}}");
        JsonElement error = await ErrorAsync(response, HttpStatusCode.ServiceUnavailable);
        Assert.Equal("model_loading", error.GetProperty("code").GetString());
        Assert.Equal("server_error", error.GetProperty("type").GetString());
        Assert.Equal(TimeSpan.FromSeconds(2), response.Headers.RetryAfter?.Delta);
    }

    [Fact]
    public async Task Fields_ThatAskForNothing_AreAccepted()
    {
        const string neutral = """
            ,"user":"u","metadata":{"a":"b"},"store":false,"service_tier":"auto","parallel_tool_calls":true,"safety_identifier":"s",
            "prompt_cache_key":"k","tools":[],"tool_choice":"auto","functions":null,"response_format":{"type":"text"},"modalities":["text"],
            "stream_options":{"include_obfuscation":false},"stop":null,"max_tokens":null,"num_beams":1
            """;
        await using TestHost host = await TestHost.StartAsync(TestHost.Loading("acme/tiny"));
        using HttpResponseMessage response = await host.PostAsync("/v1/chat/completions", $"{{{Messages}{neutral}}}");
        JsonElement error = await ErrorAsync(response, HttpStatusCode.ServiceUnavailable);
        Assert.Equal("model_loading", error.GetProperty("code").GetString());
        Assert.False(response.Headers.Contains("x-llm-warnings"));
    }

    [Fact]
    public async Task Fields_ThatNobodyKnows_AreListedInAHeader()
    {
        await using TestHost host = await TestHost.StartAsync(TestHost.Loading("acme/tiny"));
        string fields = $$""","zeta":1,"a\r\nb, é":2,"{{new string('x', 100)}}":3,"stream_options":{"odd":1}""";
        using HttpResponseMessage response = await host.PostAsync("/v1/completions", $"{{{Prompt}{fields}}}");
        Assert.Equal($"unknown fields ignored: zeta, a??b???, {new string('x', 64)}..., stream_options.odd", response.Headers.GetValues("x-llm-warnings").Single());
    }

    private static async Task RefusesAsync(string path, string fields, string parameter, string code)
    {
        await using TestHost host = await TestHost.StartAsync(TestHost.Loading("acme/tiny"));
        using HttpResponseMessage response = await host.PostAsync(path, $"{{{fields}}}");
        JsonElement error = await ErrorAsync(response, HttpStatusCode.BadRequest);
        Assert.Equal(code, error.GetProperty("code").GetString());
        Assert.Equal(parameter, error.GetProperty("param").GetString());
        Assert.NotEqual("", error.GetProperty("message").GetString());
    }

    private static async Task<JsonElement> ErrorAsync(HttpResponseMessage response, HttpStatusCode status)
    {
        JsonElement error = (await TestHost.JsonAsync(response)).GetProperty("error");
        Assert.True(response.StatusCode == status, error.ToString());
        Assert.Equal("application/json", response.Content.Headers.ContentType?.MediaType);
        Assert.All(["message", "type", "param", "code"], key => Assert.True(error.TryGetProperty(key, out _)));
        Assert.True(response.Headers.Contains("x-request-id"));
        return error;
    }
}
