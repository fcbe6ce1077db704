using System.Net;
using System.Text.Json;
using LlmService.Inference;
using LlmService.Inference.Embeddings;
using LlmService.Inference.Kernels;

namespace LlmService.App.Http.OpenAi;

public sealed class EmbeddingsTests
{
    [Fact]
    public async Task Embeddings_Ids_AreThoseOfTheReferenceInBothFormats()
    {
        await using TestHost host = await StartAsync(TestData.Fixture("golden", "bert"));
        JsonElement prompt = (await Expected()).GetProperty("prompts")[1];
        string ids = prompt.GetProperty("input_ids").GetRawText();
        JsonElement answer = await host.PostForJsonAsync("/v1/embeddings", $$"""{"model":"acme/tiny","input":[{{ids}},[1,2]]}""");
        JsonElement packed = await host.PostForJsonAsync("/v1/embeddings", $$"""{"model":"acme/tiny","input":{{ids}},"encoding_format":"base64","dimensions":8}""");

        float[] wanted = Floats(prompt.GetProperty("mean_pooled_normalized")), vector = Floats(answer.GetProperty("data")[0].GetProperty("embedding"));
        for (int i = 0; i < wanted.Length; i++)
            Assert.Equal(wanted[i], vector[i], 1e-5f);
        Assert.Equal((2, 1, "embedding"), (answer.GetProperty("data").GetArrayLength(), answer.GetProperty("data")[1].GetProperty("index").GetInt32(), answer.GetProperty("data")[1].GetProperty("object").GetString()));
        Assert.Equal(JsonDocument.Parse(ids).RootElement.GetArrayLength() + 2, answer.GetProperty("usage").GetProperty("total_tokens").GetInt32());

        float[] cut = System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(packed.GetProperty("data")[0].GetProperty("embedding").GetBytesFromBase64()).ToArray();
        double length = Math.Sqrt(wanted.Take(8).Sum(value => (double)value * value));
        Assert.Equal(8, cut.Length);
        for (int i = 0; i < 8; i++)
            Assert.Equal(wanted[i] / length, cut[i], 1e-5);
    }

    [Theory]
    [InlineData("/v1/embeddings", """{"model":"acme/tiny"}""", "input")]
    [InlineData("/v1/embeddings", """{"model":"acme/tiny","input":[]}""", "input")]
    [InlineData("/v1/embeddings", """{"model":"acme/tiny","input":"text"}""", "input")]
    [InlineData("/v1/embeddings", """{"model":"acme/tiny","input":[1],"encoding_format":"int8"}""", "encoding_format")]
    [InlineData("/v1/embeddings", """{"model":"acme/tiny","input":[1],"dimensions":33}""", "dimensions")]
    [InlineData("/v1/embeddings", """{"model":"acme/tiny","input":[400]}""", "input")]
    [InlineData("/v1/completions", """{"model":"acme/tiny","prompt":[1]}""", "model")]
    [InlineData("/v1/rerank", """{"model":"acme/tiny","query":"a","documents":["b"]}""", "model")]
    public async Task Field_ThatIsBad_IsNamed(string path, string body, string parameter)
    {
        await using TestHost host = await StartAsync(TestData.Fixture("golden", "bert"));
        using HttpResponseMessage response = await host.PostAsync(path, body);
        JsonElement error = (await TestHost.JsonAsync(response)).GetProperty("error");

        Assert.Equal((HttpStatusCode.BadRequest, parameter), (response.StatusCode, error.GetProperty("param").GetString()));
    }

    [Fact]
    public async Task Embeddings_OfAModelThatGenerates_SaysWhatToServe()
    {
        await using TestHost host = await TestHost.StartAsync("x");
        using HttpResponseMessage response = await host.PostAsync("/v1/embeddings", """{"model":"acme/tiny","input":"a"}""");

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains("generates text", await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Rerank_Documents_ComeInTheOrderOfTheirScores()
    {
        using EncoderFolder folder = EncoderFolder.Ranker();
        await using TestHost host = await StartAsync(folder.Folder, skipTokenizer: false);
        JsonElement answer = await host.PostForJsonAsync("/v1/rerank", """{"model":"acme/tiny","query":"one","documents":["a long text","b",{"text":"other words here"}],"top_n":2,"return_documents":true}""");
        JsonElement all = await host.PostForJsonAsync("/v1/rerank", """{"model":"acme/tiny","query":"one","documents":["a long text","b","other words here"]}""");

        double[] scores = [.. all.GetProperty("results").EnumerateArray().Select(result => result.GetProperty("relevance_score").GetDouble())];
        Assert.Equal(scores.OrderDescending(), scores);
        Assert.Equal(3, scores.Distinct().Count());
        Assert.All(scores, score => Assert.InRange(score, 0, 1));
        Assert.Equal(2, answer.GetProperty("results").GetArrayLength());
        Assert.Equal(scores[0], answer.GetProperty("results")[0].GetProperty("relevance_score").GetDouble());
        int best = answer.GetProperty("results")[0].GetProperty("index").GetInt32();
        Assert.Equal(new[] { "a long text", "b", "other words here" }[best], answer.GetProperty("results")[0].GetProperty("document").GetProperty("text").GetString());
    }

    [Fact]
    public async Task Embeddings_Base64_AreTheBitsOfTheFloats()
    {
        using EncoderFolder folder = EncoderFolder.Embedder();
        await using TestHost host = await StartAsync(folder.Folder, skipTokenizer: false);
        foreach (string dimensions in new[] { "", ",\"dimensions\":5" })
        {
            JsonElement floats = await host.PostForJsonAsync("/v1/embeddings", $$"""{"model":"acme/tiny","input":["one long text","b"],"encoding_format":"float"{{dimensions}}}""");
            JsonElement packed = await host.PostForJsonAsync("/v1/embeddings", $$"""{"model":"acme/tiny","input":["one long text","b"],"encoding_format":"base64"{{dimensions}}}""");

            Assert.Equal(["object", "data", "model", "usage"], floats.EnumerateObject().Select(field => field.Name));
            Assert.Equal("list", floats.GetProperty("object").GetString());
            for (int i = 0; i < 2; i++)
            {
                JsonElement item = floats.GetProperty("data")[i];
                Assert.Equal(["object", "index", "embedding"], item.EnumerateObject().Select(field => field.Name));
                float[] vector = Floats(item.GetProperty("embedding"));
                Assert.Equal(dimensions.Length == 0 ? 32 : 5, vector.Length);
                Assert.Equal(1, vector.Sum(value => value * value), 1e-5f);
                Assert.Equal(vector, System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(packed.GetProperty("data")[i].GetProperty("embedding").GetBytesFromBase64()).ToArray());
            }
            // [CLS] and [SEP] count.
            Assert.Equal((8, 8), (packed.GetProperty("usage").GetProperty("prompt_tokens").GetInt32(), packed.GetProperty("usage").GetProperty("total_tokens").GetInt32()));
        }
    }

    [Theory]
    [InlineData("""{"model":"acme/tiny","input":["b","one one one one one"]}""", "The text 2 has 7 tokens; the model reads at most 5.")]
    [InlineData("""{"model":"acme/tiny","input":["b","one one one one one"],"truncate":false}""", "The text 2 has 7 tokens; the model reads at most 5.")]
    [InlineData("""{"model":"acme/tiny","input":[4,4,4,4,4,4]}""", "The text 1 has 6 tokens; the model reads at most 5.")]
    public async Task Embeddings_TextThatIsTooLong_IsAnErrorByDefault(string body, string message)
    {
        using EncoderFolder folder = EncoderFolder.Embedder().Write("sentence_bert_config.json", """{"max_seq_length":5,"do_lower_case":false}""");
        await using TestHost host = await StartAsync(folder.Folder, skipTokenizer: false);
        using HttpResponseMessage response = await host.PostAsync("/v1/embeddings", body);
        JsonElement error = (await TestHost.JsonAsync(response)).GetProperty("error");

        Assert.Equal((HttpStatusCode.BadRequest, "context_length_exceeded", "input"), (response.StatusCode, error.GetProperty("code").GetString(), error.GetProperty("param").GetString()));
        Assert.StartsWith(message, error.GetProperty("message").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Embeddings_TextsTooMany_AreCountedBeforeTheyAreRead()
    {
        await using TestHost host = await StartAsync(TestData.Fixture("golden", "bert"));
        using HttpResponseMessage response = await host.PostAsync("/v1/embeddings", $$"""{"model":"acme/tiny","input":[{{string.Join(',', Enumerable.Repeat("[]", 2049))}}]}""");

        Assert.Equal("'input' has 2049 texts; at most 2048 were expected.", (await TestHost.JsonAsync(response)).GetProperty("error").GetProperty("message").GetString());
    }

    /// <summary>A text of megabytes is refused by its beginning; one that is long and has few tokens is read.</summary>
    [Fact]
    public async Task Embeddings_TextThatIsFarTooLong_IsRefusedByItsBeginning()
    {
        using EncoderFolder folder = EncoderFolder.Embedder().Write("sentence_bert_config.json", """{"max_seq_length":5,"do_lower_case":false}""");
        await using TestHost host = await StartAsync(folder.Folder, skipTokenizer: false);
        string spaces = new(' ', 300_000);
        using HttpResponseMessage refused = await host.PostAsync("/v1/embeddings", $$"""{"model":"acme/tiny","input":["b","{{string.Concat(Enumerable.Repeat("one ", 100_000))}}"]}""");
        JsonElement error = (await TestHost.JsonAsync(refused)).GetProperty("error");
        JsonElement sparse = await host.PostForJsonAsync("/v1/embeddings", $$"""{"model":"acme/tiny","input":"{{spaces}}one{{spaces}}text"}""");
        JsonElement dense = await host.PostForJsonAsync("/v1/embeddings", """{"model":"acme/tiny","input":"one text"}""");

        Assert.Equal((HttpStatusCode.BadRequest, "context_length_exceeded", "input"), (refused.StatusCode, error.GetProperty("code").GetString(), error.GetProperty("param").GetString()));
        Assert.Equal("The text 2 has more than 5 tokens; the model reads at most 5.", error.GetProperty("message").GetString());
        Assert.Equal(dense.GetProperty("data").GetRawText(), sparse.GetProperty("data").GetRawText());
    }

    [Fact]
    public async Task Embeddings_TextThatIsFarTooLong_IsCutToTheSameTokens()
    {
        using EncoderFolder folder = EncoderFolder.Embedder().Write("sentence_bert_config.json", """{"max_seq_length":5,"do_lower_case":false}""");
        await using TestHost host = await StartAsync(folder.Folder, skipTokenizer: false);
        using HttpResponseMessage response = await host.PostAsync("/v1/embeddings", $$"""{"model":"acme/tiny","input":"{{string.Concat(Enumerable.Repeat("one a text b ", 50_000))}}","truncate":true}""");
        JsonElement same = await host.PostForJsonAsync("/v1/embeddings", """{"model":"acme/tiny","input":"one a text"}""");

        Assert.Equal("1 of 1 texts cut to 5 tokens", response.Headers.GetValues("x-llm-warnings").Single());
        Assert.Equal(same.GetProperty("data").GetRawText(), (await TestHost.JsonAsync(response)).GetProperty("data").GetRawText());
    }

    [Theory]
    [InlineData("\"truncate\":true", 8, "1 of 2 texts cut to 5 tokens")]
    [InlineData("\"truncate_prompt_tokens\":-1", 8, "1 of 2 texts cut to 5 tokens")]
    [InlineData("\"truncate_prompt_tokens\":4", 7, "1 of 2 texts cut to 4 tokens")]
    [InlineData("\"truncate_prompt_tokens\":4,\"truncate\":true,\"zeta\":1", 7, "unknown fields ignored: zeta; 1 of 2 texts cut to 4 tokens")]
    public async Task Embeddings_TruncationOnRequest_IsToldInTheHeader(string fields, int tokens, string warning)
    {
        using EncoderFolder folder = EncoderFolder.Embedder().Write("sentence_bert_config.json", """{"max_seq_length":5,"do_lower_case":false}""");
        await using TestHost host = await StartAsync(folder.Folder, skipTokenizer: false);
        using HttpResponseMessage response = await host.PostAsync("/v1/embeddings", $$"""{"model":"acme/tiny","input":["b","one a a a one"],{{fields}}}""");
        JsonElement answer = await TestHost.JsonAsync(response);
        JsonElement whole = await host.PostForJsonAsync("/v1/embeddings", $$"""{"model":"acme/tiny","input":"{{(tokens == 8 ? "one a a" : "one a")}}"}""");

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(warning, response.Headers.GetValues("x-llm-warnings").Single());
        Assert.Equal(tokens, answer.GetProperty("usage").GetProperty("prompt_tokens").GetInt32());
        Assert.Equal(Floats(whole.GetProperty("data")[0].GetProperty("embedding")), Floats(answer.GetProperty("data")[1].GetProperty("embedding")));
    }

    [Theory]
    [InlineData("\"truncate_prompt_tokens\":0", "invalid_request", "truncate_prompt_tokens")]
    [InlineData("\"truncate_prompt_tokens\":131", "invalid_request", "truncate_prompt_tokens")]
    [InlineData("\"truncate_prompt_tokens\":2", "invalid_request", "truncate_prompt_tokens")]
    [InlineData("\"truncate_prompt_tokens\":4,\"truncate\":false", "invalid_request", "truncate")]
    [InlineData("\"truncate\":\"END\"", "invalid_request", "truncate")]
    [InlineData("\"truncation_direction\":\"left\"", "unsupported_parameter", "truncation_direction")]
    [InlineData("\"prompt_name\":\"passage\"", "invalid_request", "prompt_name")]
    [InlineData("\"input_type\":\"query\"", "unsupported_parameter", "input_type")]
    [InlineData("\"add_special_tokens\":false", "unsupported_parameter", "add_special_tokens")]
    public async Task Embeddings_FieldThatCannotBeHonoured_IsRefused(string field, string code, string parameter)
    {
        using EncoderFolder folder = EncoderFolder.Embedder().Write("config_sentence_transformers.json", """{"prompts":{"query":"one "}}""");
        await using TestHost host = await StartAsync(folder.Folder, skipTokenizer: false);
        using HttpResponseMessage response = await host.PostAsync("/v1/embeddings", $$"""{"model":"acme/tiny","input":"one long text",{{field}}}""");
        JsonElement error = (await TestHost.JsonAsync(response)).GetProperty("error");

        Assert.Equal((HttpStatusCode.BadRequest, code, parameter), (response.StatusCode, error.GetProperty("code").GetString(), error.GetProperty("param").GetString()));
    }

    [Fact]
    public async Task Embeddings_PromptName_PutsThePromptBeforeTheText()
    {
        using EncoderFolder folder = EncoderFolder.Embedder().Write("config_sentence_transformers.json", """{"prompts":{"query":"one "},"default_prompt_name":null}""");
        await using TestHost host = await StartAsync(folder.Folder, skipTokenizer: false);
        JsonElement prompted = await host.PostForJsonAsync("/v1/embeddings", """{"model":"acme/tiny","input":"text","prompt_name":"query"}""");
        JsonElement written = await host.PostForJsonAsync("/v1/embeddings", """{"model":"acme/tiny","input":"one text"}""");

        Assert.Equal(written.GetProperty("data").GetRawText(), prompted.GetProperty("data").GetRawText());
        Assert.Equal(4, prompted.GetProperty("usage").GetProperty("prompt_tokens").GetInt32());
    }

    [Fact]
    public async Task Embeddings_FullQueue_IsAnsweredAsByModelsThatGenerate()
    {
        LlmEngine engine = LlmEngine.Load(TestData.Fixture("golden", "bert"), new EngineOptions { Workers = new WorkerPool(1), SkipTokenizer = true, MaxRunningSequences = 1, MaxWaitingRequests = 0 });
        await using TestHost host = await TestHost.StartAsync(TestHost.Ready("acme/tiny", engine));
        using CancellationTokenSource gone = new();
        Task<float[][]> minutes = engine.Encoder!.EmbedAsync([.. Enumerable.Repeat(TextPreparation.Tokens([.. Enumerable.Range(3, 120)]), 200_000)], gone.Token);
        using HttpResponseMessage response = await host.PostAsync("/v1/embeddings", """{"model":"acme/tiny","input":[4]}""");

        Assert.Equal((HttpStatusCode)429, response.StatusCode);
        Assert.Equal("queue_full", (await TestHost.JsonAsync(response)).GetProperty("error").GetProperty("code").GetString());
        Assert.Equal(TimeSpan.FromSeconds(1), response.Headers.RetryAfter?.Delta);
        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => minutes);
    }

    /// <summary>The client's connection ends; its place is free, though the work of the other that shares the passes goes on for minutes.</summary>
    [Fact]
    public async Task Embeddings_ClientThatIsGone_GivesItsPlaceBack()
    {
        LlmEngine engine = LlmEngine.Load(TestData.Fixture("golden", "bert"), new EngineOptions { Workers = new WorkerPool(1), SkipTokenizer = true, MaxRunningSequences = 1, MaxWaitingRequests = 1, PrefillChunkTokens = 16 });
        await using TestHost host = await TestHost.StartAsync(TestHost.Ready("acme/tiny", engine));
        using CancellationTokenSource gone = new(), client = new();
        Task<float[][]>[] minutes = [engine.Encoder!.EmbedAsync([.. Enumerable.Repeat(TextPreparation.Tokens([.. Enumerable.Range(3, 120)]), 200_000)], gone.Token)];
        string texts = string.Join(',', Enumerable.Repeat($"[{string.Join(',', Enumerable.Range(3, 125))}]", 2048));
        Task<HttpResponseMessage> request = host.Client.PostAsync("/v1/embeddings", new StringContent($$"""{"model":"acme/tiny","input":[{{texts}}]}""", System.Text.Encoding.UTF8, "application/json"), client.Token);
        await Until(() => engine.RunningSequences + engine.WaitingRequests == 2);
        await client.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => request);

        await Until(() => engine.RunningSequences + engine.WaitingRequests == 1);
        Assert.False(minutes[0].IsCompleted);
        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => minutes[0]);
    }

    [Fact]
    public async Task Rerank_PairThatIsTooLong_IsCutOnlyOnRequest()
    {
        using EncoderFolder folder = EncoderFolder.Ranker().Write("tokenizer_config.json", """{"model_max_length":7}""");
        await using TestHost host = await StartAsync(folder.Folder, skipTokenizer: false);
        using HttpResponseMessage refused = await host.PostAsync("/v1/rerank", """{"model":"acme/tiny","query":"one a","documents":["b","long long long text"]}""");
        using HttpResponseMessage cut = await host.PostAsync("/v1/rerank", """{"model":"acme/tiny","query":"one a","documents":["b","long long long text"],"truncate":true}""");
        JsonElement error = (await TestHost.JsonAsync(refused)).GetProperty("error");

        Assert.Equal(("context_length_exceeded", "documents"), (error.GetProperty("code").GetString(), error.GetProperty("param").GetString()));
        Assert.Equal("1 of 2 texts cut to 7 tokens", cut.Headers.GetValues("x-llm-warnings").Single());
        Assert.Equal(13, (await TestHost.JsonAsync(cut)).GetProperty("usage").GetProperty("total_tokens").GetInt32());
    }

    private static async Task Until(Func<bool> isSo)
    {
        while (!isSo())
            await Task.Delay(1, TestContext.Current.CancellationToken);
    }

    private static async Task<JsonElement> Expected() =>
        JsonElement.Parse(await File.ReadAllBytesAsync(TestData.Fixture("golden", "bert", "expected.json"), TestContext.Current.CancellationToken));

    private static float[] Floats(JsonElement array) => [.. array.EnumerateArray().Select(value => value.GetSingle())];

    private static Task<TestHost> StartAsync(string folder, bool skipTokenizer = true) =>
        TestHost.StartAsync(TestHost.Ready("acme/tiny", LlmEngine.Load(folder, new EngineOptions { Workers = new WorkerPool(1), SkipTokenizer = skipTokenizer })));
}
