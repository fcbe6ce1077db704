using System.Text.Json;

namespace LlmService.App.Http.OpenAi;

public sealed class StreamingTests
{
    [Fact]
    public async Task Chat_Stream_IsTheOneOfOpenAi()
    {
        await using TestHost host = await TestHost.StartAsync("Hé");
        using HttpResponseMessage response = await host.PostAsync("/v1/chat/completions",
            """{"model":"acme/tiny","messages":[{"role":"user","content":"x"}],"stream":true,"stream_options":{"include_usage":true}}""");
        Assert.Equal("text/event-stream", response.Content.Headers.ContentType?.ToString());
        Assert.Equal("no-cache", response.Headers.CacheControl?.ToString());
        Assert.Equal("no", response.Headers.GetValues("X-Accel-Buffering").Single());
        const string head = """data: {"id":"ID","object":"chat.completion.chunk","created":1700000000,"model":"acme/tiny","choices":[""";
        Assert.Equal(
            [
                head + """{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}],"usage":null}""",
                head + """{"index":0,"delta":{"content":"H"},"logprobs":null,"finish_reason":null}],"usage":null}""",
                head + """{"index":0,"delta":{"content":"é"},"logprobs":null,"finish_reason":null}],"usage":null}""",
                head + """{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}],"usage":null}""",
                head + """],"usage":{"prompt_tokens":18,"completion_tokens":4,"total_tokens":22}}""",
                "data: [DONE]",
            ],
            await EventsAsync(response));
    }

    [Fact]
    public async Task Completion_Stream_IsTheOneOfOpenAi()
    {
        await using TestHost host = await TestHost.StartAsync("xy");
        using HttpResponseMessage response = await host.PostAsync("/v1/completions", """{"model":"acme/tiny","prompt":"ab","stream":true,"echo":true}""");
        const string head = """data: {"id":"ID","object":"text_completion","created":1700000000,"model":"acme/tiny","choices":[""";
        string[] events = await EventsAsync(response);
        Assert.StartsWith(head + "{\"text\":\"ab", events[0], StringComparison.Ordinal);
        Assert.Equal(head + """{"text":"","index":0,"logprobs":null,"finish_reason":"stop"}]}""", events[^2]);
        Assert.Equal("data: [DONE]", events[^1]);
        Assert.Equal("abxy", TextsByChoice(events)[0]);
    }

    [Fact]
    public async Task Streams_OfSeveralChoices_JoinToTheWholeAnswers()
    {
        const string request = """{"model":"acme/tiny","prompt":["ab","cd"],"n":2,"logprobs":1,"echo":true,"return_token_ids":true,"stream":STREAM}""";
        await using TestHost host = await TestHost.StartAsync("añb");
        JsonElement whole = await host.PostForJsonAsync("/v1/completions", request.Replace("STREAM", "false", StringComparison.Ordinal));
        using HttpResponseMessage response = await host.PostAsync("/v1/completions", request.Replace("STREAM", "true", StringComparison.Ordinal));
        string[] events = await EventsAsync(response);
        Assert.Equal(whole.GetProperty("choices").EnumerateArray().Select(c => c.GetProperty("text").GetString()!), TextsByChoice(events));
        for (int choice = 0; choice < 4; choice++)
        {
            JsonElement expected = whole.GetProperty("choices")[choice];
            JsonElement[] chunks = [.. Choices(events).Where(c => c.GetProperty("index").GetInt32() == choice)];
            Assert.Equal(Raw(expected.GetProperty("logprobs").GetProperty("text_offset")), chunks.SelectMany(c => Raw(c.GetProperty("logprobs").GetProperty("text_offset"))));
            Assert.Equal(Raw(expected.GetProperty("token_ids")), chunks.SelectMany(c => Raw(c.GetProperty("token_ids"))));
            Assert.Equal(Raw(expected.GetProperty("prompt_token_ids")), Raw(chunks[0].GetProperty("prompt_token_ids")));
        }
    }

    [Fact]
    public async Task Failure_InTheMiddle_IsAnErrorObjectAndTheEnd()
    {
        ScriptedRunner runner = new("xyz") { OnForward = step => Assert.True(step < 2, "secret detail") };
        await using TestHost host = await TestHost.StartAsync(TestHost.Ready("acme/tiny", runner, ByteTokenizer.Create()));
        using HttpResponseMessage response = await host.PostAsync("/v1/completions", """{"model":"acme/tiny","prompt":"ab","stream":true}""");
        string[] events = await EventsAsync(response);
        using JsonDocument last = JsonDocument.Parse(events[^1]["data: ".Length..]);
        Assert.Equal("internal_error", last.RootElement.GetProperty("error").GetProperty("code").GetString());
        Assert.DoesNotContain(events, e => e.Contains("secret", StringComparison.Ordinal) || e.Contains("[DONE]", StringComparison.Ordinal));
        Assert.Equal("xy", TextsByChoice(events[..^1])[0]);
    }

    [Fact]
    public async Task Refusal_BeforeTheStream_IsAPlainError()
    {
        await using TestHost host = await TestHost.StartAsync("xy");
        using HttpResponseMessage response = await host.PostAsync("/v1/completions", """{"model":"acme/tiny","prompt":[9999],"stream":true}""");
        Assert.Equal(System.Net.HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Equal("application/json", response.Content.Headers.ContentType?.MediaType);
    }

    [Fact]
    public async Task HangingUp_FreesThePlaceOfTheSequence()
    {
        // One place: a request can run only when the one before, which would go on for long, has left it.
        ScriptedRunner runner = new("xy") { IsEndless = true, ContextLength = 100_000 };
        await using TestHost host = await TestHost.StartAsync(TestHost.Ready("acme/tiny", runner, ByteTokenizer.Create(), maxRunning: 1));
        for (int client = 0; client < 50; client++)
        {
            using HttpRequestMessage request = new(HttpMethod.Post, "/v1/completions");
            request.Content = new StringContent("""{"model":"acme/tiny","prompt":"ab","stream":true,"max_tokens":90000}""");
            using HttpResponseMessage response = await host.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
            using Stream stream = await response.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken);
            Assert.True(await stream.ReadAsync(new byte[10], TestContext.Current.CancellationToken) > 0);
        }
        JsonElement last = await host.PostForJsonAsync("/v1/completions", """{"model":"acme/tiny","prompt":"ab","max_tokens":4}""");
        Assert.Equal("xyxy", last.GetProperty("choices")[0].GetProperty("text").GetString());
    }

    /// <summary>The events, each one line, with the id of the answer replaced; every event must have the same.</summary>
    private static async Task<string[]> EventsAsync(HttpResponseMessage response)
    {
        string body = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.EndsWith("\n\n", body, StringComparison.Ordinal);
        string[] events = body.TrimEnd('\n').Split("\n\n");
        using JsonDocument first = JsonDocument.Parse(events[0]["data: ".Length..]);
        string id = first.RootElement.GetProperty("id").GetString()!;
        return [.. events.Select(e => e.Replace(id, "ID", StringComparison.Ordinal))];
    }

    private static IEnumerable<JsonElement> Choices(string[] events) =>
        from e in events
        where !e.Contains("[DONE]", StringComparison.Ordinal)
        let json = JsonElement.Parse(e["data: ".Length..])
        from choice in json.GetProperty("choices").EnumerateArray()
        select choice;

    private static string[] TextsByChoice(string[] events) =>
        [.. Choices(events).GroupBy(c => c.GetProperty("index").GetInt32()).OrderBy(g => g.Key).Select(g => string.Concat(g.Select(c => c.GetProperty("text").GetString())))];

    private static string[] Raw(JsonElement array) => [.. array.EnumerateArray().Select(e => e.GetRawText())];
}
