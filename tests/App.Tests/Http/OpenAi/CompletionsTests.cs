using System.Net;
using System.Text.Json;
using LlmService.Inference.Configuration;

namespace LlmService.App.Http.OpenAi;

public sealed class CompletionsTests
{
    private const string Path = "/v1/completions";

    [Fact]
    public async Task Whole_HasTheShapeOfOpenAi()
    {
        await using TestHost host = await TestHost.StartAsync("héllo");
        string body = await host.PostForTextAsync(Path, """{"model":"acme/tiny","prompt":"ab"}""");
        using JsonDocument json = JsonDocument.Parse(body);
        string id = json.RootElement.GetProperty("id").GetString()!;
        Assert.StartsWith("cmpl-", id, StringComparison.Ordinal);
        Assert.Equal(
            """{"id":"ID","object":"text_completion","created":1700000000,"model":"acme/tiny","choices":[{"text":"héllo","index":0,"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":2,"completion_tokens":7,"total_tokens":9}}""",
            body.Replace(id, "ID", StringComparison.Ordinal));
    }

    [Fact]
    public async Task MaxTokens_AbsentMeans16_AndEndsWithLength()
    {
        await using TestHost host = await TestHost.StartAsync(new string('z', 100));
        JsonElement body = await host.PostForJsonAsync(Path, """{"model":"acme/tiny","prompt":"ab"}""");
        Assert.Equal(new string('z', 16), body.GetProperty("choices")[0].GetProperty("text").GetString());
        Assert.Equal("length", body.GetProperty("choices")[0].GetProperty("finish_reason").GetString());
        Assert.Equal(16, body.GetProperty("usage").GetProperty("completion_tokens").GetInt32());
    }

    [Fact]
    public async Task StopTokenIds_OutsideOfTheVocabulary_AreNamed()
    {
        await using TestHost host = await TestHost.StartAsync("héllo");
        using HttpResponseMessage response = await host.PostAsync(Path, """{"model":"acme/tiny","prompt":"ab","stop_token_ids":[1,257]}""");
        JsonElement error = (await TestHost.JsonAsync(response)).GetProperty("error");
        Assert.Equal((HttpStatusCode.BadRequest, "stop_token_ids"), (response.StatusCode, error.GetProperty("param").GetString()));
        Assert.Equal("'stop_token_ids' names the token 257, but the vocabulary has the ids 0 to 256.", error.GetProperty("message").GetString());
    }

    [Theory]
    [InlineData("", "z")]
    [InlineData(",\"forced_bos_token_id\":null", "z")]
    [InlineData(",\"forced_bos_token_id\":121", "y")]
    [InlineData(",\"forced_bos_token_id\":[121]", "y")]
    [InlineData(",\"forced_bos_token_id\":[]", "h")]
    public async Task ForcedBosTokenId_OfTheRequest_StandsInThePlaceOfTheRepositorys(string field, string first)
    {
        GenerationConfiguration generation = new() { Sampling = new() { ForcedBosTokenId = 'z' } };
        await using TestHost host = await TestHost.StartAsync(TestHost.Ready("acme/tiny", new ScriptedRunner("hello"), ByteTokenizer.Create(), generation: generation));
        JsonElement body = await host.PostForJsonAsync(Path, $$"""{"model":"acme/tiny","prompt":"a","max_tokens":1{{field}}}""");
        Assert.Equal(first, body.GetProperty("choices")[0].GetProperty("text").GetString());
    }

    [Theory]
    [InlineData("\"ab\"", 1, 2)]
    [InlineData("[\"ab\",\"cde\"]", 2, 5)]
    [InlineData("[97,98]", 1, 2)]
    [InlineData("[[97,98],[99],[100]]", 3, 4)]
    public async Task Prompts_InEachForm_AreAnsweredInOrderAndCountedOnce(string prompt, int prompts, int promptTokens)
    {
        await using TestHost host = await TestHost.StartAsync("ok");
        JsonElement body = await host.PostForJsonAsync(Path, $$"""{"model":"acme/tiny","prompt":{{prompt}},"n":2,"best_of":2}""");
        JsonElement choices = body.GetProperty("choices");
        Assert.Equal(Enumerable.Range(0, prompts * 2), choices.EnumerateArray().Select(c => c.GetProperty("index").GetInt32()));
        Assert.All(choices.EnumerateArray(), c => Assert.Equal("ok", c.GetProperty("text").GetString()));
        Assert.Equal(promptTokens, body.GetProperty("usage").GetProperty("prompt_tokens").GetInt32());
        Assert.Equal(prompts * 2 * 3, body.GetProperty("usage").GetProperty("completion_tokens").GetInt32());
    }

    [Fact]
    public async Task LogProbabilities_HaveTheLegacyShape()
    {
        await using TestHost host = await TestHost.StartAsync("xéy");
        JsonElement body = await host.PostForJsonAsync(Path, """{"model":"acme/tiny","prompt":"ab","logprobs":2}""");
        JsonElement logprobs = body.GetProperty("choices")[0].GetProperty("logprobs");
        Assert.Equal("""["x","bytes:\\xc3","bytes:\\xa9","y","<end>"]""", logprobs.GetProperty("tokens").GetRawText());
        Assert.Equal("[0,1,1,2,3]", logprobs.GetProperty("text_offset").GetRawText());
        Assert.All(logprobs.GetProperty("token_logprobs").EnumerateArray(), p => Assert.InRange(p.GetDouble(), -0.01, 0));
        Assert.Equal(["x", "a"], logprobs.GetProperty("top_logprobs")[0].EnumerateObject().Select(p => p.Name));
    }

    [Fact]
    public async Task LogProbabilities_Zero_ReportTheChosenTokenOnly()
    {
        await using TestHost host = await TestHost.StartAsync("x");
        JsonElement body = await host.PostForJsonAsync(Path, """{"model":"acme/tiny","prompt":"ab","logprobs":0,"max_tokens":1}""");
        JsonElement top = body.GetProperty("choices")[0].GetProperty("logprobs").GetProperty("top_logprobs");
        Assert.Equal(["x"], top[0].EnumerateObject().Select(p => p.Name));
    }

    [Fact]
    public async Task Echo_WithLogProbabilities_BeginsWithThePrompt()
    {
        await using TestHost host = await TestHost.StartAsync("xy");
        JsonElement body = await host.PostForJsonAsync(Path, """{"model":"acme/tiny","prompt":"aéb","echo":true,"logprobs":1,"max_tokens":2}""");
        JsonElement choice = body.GetProperty("choices")[0];
        JsonElement logprobs = choice.GetProperty("logprobs");
        Assert.Equal("aébxy", choice.GetProperty("text").GetString());
        Assert.Equal("""["a","bytes:\\xc3","bytes:\\xa9","b","x","y"]""", logprobs.GetProperty("tokens").GetRawText());
        Assert.Equal("[0,1,1,2,3,4]", logprobs.GetProperty("text_offset").GetRawText());
        Assert.Equal(JsonValueKind.Null, logprobs.GetProperty("token_logprobs")[0].ValueKind);
        Assert.Equal(JsonValueKind.Null, logprobs.GetProperty("top_logprobs")[0].ValueKind);
        Assert.Equal(JsonValueKind.Number, logprobs.GetProperty("token_logprobs")[1].ValueKind);
        Assert.Equal(2, body.GetProperty("usage").GetProperty("completion_tokens").GetInt32());
    }

    [Fact]
    public async Task Echo_WithoutNewTokens_ScoresThePrompt()
    {
        await using TestHost host = await TestHost.StartAsync("xy");
        JsonElement body = await host.PostForJsonAsync(Path, """{"model":"acme/tiny","prompt":[97,98],"echo":true,"logprobs":0,"max_tokens":0}""");
        JsonElement choice = body.GetProperty("choices")[0];
        Assert.Equal("ab", choice.GetProperty("text").GetString());
        Assert.Equal(2, choice.GetProperty("logprobs").GetProperty("tokens").GetArrayLength());
        Assert.Equal("length", choice.GetProperty("finish_reason").GetString());
        Assert.Equal(0, body.GetProperty("usage").GetProperty("completion_tokens").GetInt32());
    }

    [Fact]
    public async Task Echo_OfAnEncoderDecoder_HasNoLogProbabilitiesForThePrompt()
    {
        await using TestHost host = await TestHost.StartAsync(
            TestHost.Ready("acme/tiny", new ScriptedRunner("xy") { IsEncoderDecoder = true }, ByteTokenizer.Create()));
        JsonElement body = await host.PostForJsonAsync(Path, """{"model":"acme/tiny","prompt":"ab","echo":true,"logprobs":1}""");
        JsonElement choice = body.GetProperty("choices")[0];
        Assert.StartsWith("ab", choice.GetProperty("text").GetString(), StringComparison.Ordinal);
        JsonElement values = choice.GetProperty("logprobs").GetProperty("token_logprobs");
        Assert.Equal([true, true, false], values.EnumerateArray().Take(3).Select(v => v.ValueKind == JsonValueKind.Null));
    }

    [Fact]
    public async Task TokenIds_AreReturnedWhenAskedFor()
    {
        await using TestHost host = await TestHost.StartAsync("xy");
        JsonElement body = await host.PostForJsonAsync(Path,
            """{"model":"acme/tiny","prompt":"ab","return_token_ids":true,"logprobs":1,"return_tokens_as_token_ids":true}""");
        JsonElement choice = body.GetProperty("choices")[0];
        Assert.Equal("[97,98]", choice.GetProperty("prompt_token_ids").GetRawText());
        Assert.Equal("[120,121,256]", choice.GetProperty("token_ids").GetRawText());
        Assert.Equal("""["token_id:120","token_id:121","token_id:256"]""", choice.GetProperty("logprobs").GetProperty("tokens").GetRawText());
    }

    [Fact]
    public async Task WithoutTokenizer_OnlyIdsAreTaken()
    {
        await using TestHost host = await TestHost.StartAsync(TestHost.Ready("acme/tiny", new ScriptedRunner("xy"), null));
        using HttpResponseMessage refused = await host.PostAsync(Path, """{"model":"acme/tiny","prompt":"ab"}""");
        Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
        JsonElement body = await host.PostForJsonAsync(Path, """{"model":"acme/tiny","prompt":[97],"max_tokens":2,"logprobs":0,"echo":true}""");
        JsonElement choice = body.GetProperty("choices")[0];
        Assert.Equal("token_id:97token_id:120token_id:121", choice.GetProperty("text").GetString());
        Assert.Equal("[0,11,23]", choice.GetProperty("logprobs").GetProperty("text_offset").GetRawText());
    }

    [Fact]
    public async Task Stop_EndsTheText()
    {
        await using TestHost host = await TestHost.StartAsync("one two three");
        JsonElement body = await host.PostForJsonAsync(Path, """{"model":"acme/tiny","prompt":"ab","stop":[" two"]}""");
        Assert.Equal("one", body.GetProperty("choices")[0].GetProperty("text").GetString());
        Assert.Equal("stop", body.GetProperty("choices")[0].GetProperty("finish_reason").GetString());
    }

    [Fact]
    public async Task Sampling_RequestWinsOverTheModelsOwnValues()
    {
        // Hot enough that a sampled text would not be the script.
        GenerationConfiguration hot = new() { DoSample = true, Sampling = new() { Temperature = 1000 } };
        await using TestHost host = await TestHost.StartAsync(
            TestHost.Ready("acme/tiny", new ScriptedRunner("exactly this"), ByteTokenizer.Create(), generation: hot));
        JsonElement greedy = await host.PostForJsonAsync(Path, """{"model":"acme/tiny","prompt":"ab","temperature":0}""");
        Assert.Equal("exactly this", greedy.GetProperty("choices")[0].GetProperty("text").GetString());
        const string sampled = """{"model":"acme/tiny","prompt":"ab","seed":-5,"ignore_eos":true,"return_token_ids":true,"n":2}""";
        string[] first = TokenIds(await host.PostForJsonAsync(Path, sampled));
        string[] second = TokenIds(await host.PostForJsonAsync(Path, sampled));
        Assert.Equal(first, second);
        Assert.NotEqual(first[0], first[1]);
    }

    [Fact]
    public async Task PromptLongerThanTheContext_IsRefused()
    {
        await using TestHost host = await TestHost.StartAsync("ok");
        using HttpResponseMessage response = await host.PostAsync(Path, $$"""{"model":"acme/tiny","prompt":["ok","{{new string('x', 300)}}"]}""");
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        JsonElement error = (await TestHost.JsonAsync(response)).GetProperty("error");
        Assert.Equal("context_length_exceeded", error.GetProperty("code").GetString());
        Assert.Equal("prompt", error.GetProperty("param").GetString());
    }

    [Fact]
    public async Task MoreThanTheQueueHolds_Is429AndLeavesNothingBehind()
    {
        // The engine stands still, so that nothing leaves the queue while the request fills it.
        using ManualResetEventSlim answered = new();
        ScriptedRunner waiting = new("ok") { OnForward = _ => answered.Wait(TimeSpan.FromMinutes(1)) };
        await using TestHost host = await TestHost.StartAsync(TestHost.Ready("acme/tiny", waiting, ByteTokenizer.Create()));
        using HttpResponseMessage response = await host.PostAsync(Path, """{"model":"acme/tiny","prompt":"ab","n":100}""");
        answered.Set();
        Assert.Equal(HttpStatusCode.TooManyRequests, response.StatusCode);
        Assert.NotNull(response.Headers.RetryAfter);
        Assert.Equal("queue_full", (await TestHost.JsonAsync(response)).GetProperty("error").GetProperty("code").GetString());
    }

    [Fact]
    public async Task EngineFailure_IsANeutral500()
    {
        ScriptedRunner broken = new("ok") { OnForward = _ => throw new InvalidOperationException("secret detail") };
        await using TestHost host = await TestHost.StartAsync(TestHost.Ready("acme/tiny", broken, ByteTokenizer.Create()));
        using HttpResponseMessage response = await host.PostAsync(Path, """{"model":"acme/tiny","prompt":"ab"}""");
        Assert.Equal(HttpStatusCode.InternalServerError, response.StatusCode);
        string body = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.Contains("internal_error", body, StringComparison.Ordinal);
        Assert.Contains(response.Headers.GetValues("x-request-id").Single(), body, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", body, StringComparison.Ordinal);
    }

    private static string[] TokenIds(JsonElement body) =>
        [.. body.GetProperty("choices").EnumerateArray().Select(c => c.GetProperty("token_ids").GetRawText())];
}
