using System.Text.Json;
using System.Text.Json.Nodes;
using LlmService.Inference;
using LlmService.Inference.Kernels;

namespace LlmService.App.Http.OpenAi;

/// <summary>What clients ask for by the names of generation_config.json, over HTTP, against what the reference generated.</summary>
public sealed class ReferenceFieldsTests
{
    private const string Path = "/v1/completions";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("llama-gqa")]
    [InlineData("flan-t5")]
    [InlineData("t5-v1_0")]
    public async Task Completions_Processors_SameIds(string name)
    {
        await using TestHost host = await StartAsync(name);
        foreach (JsonElement run in (await ExpectedAsync(name)).GetProperty("processors").GetProperty("greedy_runs").EnumerateArray())
        {
            JsonElement answer = await host.PostForJsonAsync(Path, Body(run.GetProperty("input_ids"), run.GetProperty("args"), new() { ["max_tokens"] = 32 }));

            Assert.Equal(run.GetProperty("new_ids").GetRawText(), answer.GetProperty("choices")[0].GetProperty("token_ids").GetRawText(), ignoreAllWhiteSpace: true);
        }
    }

    [Theory]
    [InlineData("llama-gqa")]
    [InlineData("flan-t5")]
    [InlineData("t5-v1_0")]
    public async Task Completions_Beams_SameHypotheses(string name)
    {
        JsonElement expected = await ExpectedAsync(name);
        await using TestHost host = await StartAsync(name);
        foreach (JsonElement run in expected.GetProperty("beam_search").EnumerateArray().Where(run => run.GetProperty("args").GetProperty("eos_token_id").GetArrayLength() == 1))
        {
            JsonElement prompt = expected.GetProperty("prompts")[run.GetProperty("prompt").GetInt32()].GetProperty("input_ids");
            JsonElement answer = await host.PostForJsonAsync(Path, Body(prompt, run.GetProperty("args"), []));
            JsonElement[] choices = [.. answer.GetProperty("choices").EnumerateArray()];
            JsonElement[] hypotheses = [.. run.GetProperty("hypotheses").EnumerateArray()];

            Assert.Equal(hypotheses.Select(h => Ids(h.GetProperty("new_ids"))), choices.Select(c => Ids(c.GetProperty("token_ids"))));
            Assert.Equal(hypotheses.Select(h => h.GetProperty("finished").GetBoolean() ? "stop" : "length"), choices.Select(c => c.GetProperty("finish_reason").GetString()));
            Assert.All(choices.Zip(hypotheses), pair => Assert.Equal(pair.Second.GetProperty("score").GetDouble(), pair.First.GetProperty("score").GetDouble(), 2e-2));
        }
    }

    [Fact]
    public async Task Completions_SeveralPromptsWithBeams_EachHasItsChoices()
    {
        await using TestHost host = await StartAsync("llama-gqa");
        const string beams = "\"num_beams\":3,\"n\":2,\"max_tokens\":5,\"return_token_ids\":true";

        JsonElement both = await host.PostForJsonAsync(Path, $$"""{"model":"acme/tiny","prompt":[[5,6],[7,8,9]],{{beams}}}""");
        JsonElement second = await host.PostForJsonAsync(Path, $$"""{"model":"acme/tiny","prompt":[7,8,9],{{beams}}}""");

        Assert.Equal([0, 1, 2, 3], both.GetProperty("choices").EnumerateArray().Select(c => c.GetProperty("index").GetInt32()));
        Assert.Equal(second.GetProperty("choices").EnumerateArray().Select(c => Ids(c.GetProperty("token_ids"))), both.GetProperty("choices").EnumerateArray().Skip(2).Select(c => Ids(c.GetProperty("token_ids"))));
        Assert.Equal(5, both.GetProperty("usage").GetProperty("prompt_tokens").GetInt32());
    }

    [Fact]
    public async Task Completions_StreamedBeams_ComeWholeAtTheEnd()
    {
        await using TestHost host = await StartAsync("llama-gqa");
        const string request = """{"model":"acme/tiny","prompt":[5,6],"use_beam_search":true,"best_of":3,"n":2,"max_tokens":5""";

        JsonElement whole = await host.PostForJsonAsync(Path, request + "}");
        string streamed = await host.PostForTextAsync(Path, request + ",\"stream\":true}");

        JsonElement[] chunks = [.. streamed.Split('\n').Where(line => line.StartsWith("data: {", StringComparison.Ordinal)).Select(line => JsonElement.Parse(line["data: ".Length..]))];
        Assert.Equal(2, chunks.Length);
        foreach (JsonElement chunk in chunks.Select(chunk => chunk.GetProperty("choices")[0]))
            Assert.Equal(whole.GetProperty("choices")[chunk.GetProperty("index").GetInt32()].GetProperty("text").GetString(), chunk.GetProperty("text").GetString());
    }

    [Fact]
    public async Task Chat_Beams_BestFirst()
    {
        await using TestHost host = await StartAsync("onnx-flan-t5", skipTokenizer: false);

        JsonElement answer = await host.PostForJsonAsync("/v1/chat/completions",
            """{"model":"acme/tiny","messages":[{"role":"user","content":"hello"}],"num_beams":4,"n":3,"length_penalty":0.5,"early_stopping":"never","max_tokens":6}""");

        double[] scores = [.. answer.GetProperty("choices").EnumerateArray().Select(c => c.GetProperty("score").GetDouble())];
        Assert.Equal(3, scores.Length);
        Assert.Equal(scores.OrderDescending(), scores);
    }

    [Fact]
    public async Task Completions_DecoderInputIds_LogProbabilitiesOfTheTarget()
    {
        await using TestHost host = await StartAsync("flan-t5");
        foreach (JsonElement prompt in (await ExpectedAsync("flan-t5")).GetProperty("prompts").EnumerateArray())
        {
            int[] input = First(prompt.GetProperty("input_ids")), decoder = First(prompt.GetProperty("decoder_input_ids"));
            JsonElement answer = await host.PostForJsonAsync(Path,
                $$"""{"model":"acme/tiny","prompt":[{{string.Join(',', input)}}],"decoder_input_ids":[{{string.Join(',', decoder)}}],"echo":true,"logprobs":1,"max_tokens":0}""");
            JsonElement logProbabilities = answer.GetProperty("choices")[0].GetProperty("logprobs");
            JsonElement[] rated = [.. logProbabilities.GetProperty("token_logprobs").EnumerateArray()];

            // The encoder's tokens have none; the decoder's start token is not reported.
            Assert.Equal(input.Length + decoder.Length - 1, rated.Length);
            Assert.All(rated[..input.Length], value => Assert.Equal(JsonValueKind.Null, value.ValueKind));
            int[] positions = [.. prompt.GetProperty("logits_positions").EnumerateArray().Select(p => p.GetInt32())];
            for (int i = 0; i < positions.Length; i++)
            {
                if (positions[i] + 1 >= decoder.Length)
                    continue;
                double[] logits = [.. prompt.GetProperty("logits")[i].EnumerateArray().Select(l => l.GetDouble())];
                double expected = logits[decoder[positions[i] + 1]] - logits.Max() - Math.Log(logits.Sum(l => Math.Exp(l - logits.Max())));
                Assert.Equal(expected, rated[input.Length + positions[i]].GetDouble(), 5e-4);
            }
            Assert.Equal(rated.Length, logProbabilities.GetProperty("text_offset").GetArrayLength());
        }
    }

    [Fact]
    public async Task Completions_DecoderInputIds_TheAnswerGoesOnFromThem()
    {
        await using TestHost host = await StartAsync("flan-t5");
        const string request = "{\"model\":\"acme/tiny\",\"prompt\":[17,281,59],\"ignore_eos\":true,\"return_token_ids\":true,\"max_tokens\":";
        string[] whole = Ids((await host.PostForJsonAsync(Path, request + "8}")).GetProperty("choices")[0].GetProperty("token_ids")).Split(',');

        JsonElement rest = await host.PostForJsonAsync(Path, $"{request}5,\"decoder_input_ids\":[{string.Join(',', whole[..3])}]}}");

        Assert.Equal(whole[3..], Ids(rest.GetProperty("choices")[0].GetProperty("token_ids")).Split(','));
    }

    [Theory]
    [InlineData("\"num_beams\":2,\"temperature\":0.5", "num_beams")]
    [InlineData("\"num_beams\":2,\"do_sample\":true", "num_beams")]
    [InlineData("\"num_beams\":2,\"n\":3", "n")]
    [InlineData("\"num_beams\":65", "num_beams")]
    [InlineData("\"num_beam_groups\":2,\"num_beams\":2", "num_beam_groups")]
    [InlineData("\"penalty_alpha\":0.6", "penalty_alpha")]
    [InlineData("\"do_sample\":true,\"temperature\":0", "do_sample")]
    [InlineData("\"early_stopping\":\"soon\"", "early_stopping")]
    [InlineData("\"bad_words_ids\":[5]", "bad_words_ids[0]")]
    [InlineData("\"bad_words_ids\":[[999]]", "bad_words_ids")]
    [InlineData("\"sequence_bias\":[[5,1]]", "sequence_bias[0]")]
    [InlineData("\"exponential_decay_length_penalty\":[1]", "exponential_decay_length_penalty")]
    [InlineData("\"eos_token_id\":[999]", "eos_token_id")]
    [InlineData("\"typical_p\":0", "typical_p")]
    [InlineData("\"min_tokens\":2,\"min_new_tokens\":3", "min_tokens")]
    [InlineData("\"best_of\":2", "best_of")]
    [InlineData("\"decoder_input_ids\":[5]", "decoder_input_ids")]
    public async Task Completions_BadOrNotBuilt_IsRefusedByName(string fields, string parameter)
    {
        await using TestHost host = await StartAsync("llama-gqa");

        using HttpResponseMessage response = await host.PostAsync(Path, "{\"model\":\"acme/tiny\",\"prompt\":[5,6]," + fields + "}");

        Assert.Equal(System.Net.HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Equal(parameter, (await TestHost.JsonAsync(response)).GetProperty("error").GetProperty("param").GetString());
    }

    [Fact]
    public async Task Completions_StopTokenIds_EndBesideTheModelsOwn()
    {
        await using TestHost host = await StartAsync("llama-gqa");
        const string request = "{\"model\":\"acme/tiny\",\"prompt\":[31,154,274],\"return_token_ids\":true,\"max_tokens\":12";
        string[] ids = Ids((await host.PostForJsonAsync(Path, request + "}")).GetProperty("choices")[0].GetProperty("token_ids")).Split(',');

        JsonElement choice = (await host.PostForJsonAsync(Path, $"{request},\"stop_token_ids\":[{ids[4]}]}}")).GetProperty("choices")[0];

        Assert.Equal(ids[..(Array.IndexOf(ids, ids[4]) + 1)], Ids(choice.GetProperty("token_ids")).Split(','));
        Assert.Equal("stop", choice.GetProperty("finish_reason").GetString());
    }

    private static Task<TestHost> StartAsync(string golden, bool skipTokenizer = true)
    {
        EngineOptions options = new() { Workers = new WorkerPool(1), SkipTokenizer = skipTokenizer, MaxRunningSequences = 16, MaxWaitingRequests = 8 };
        return TestHost.StartAsync(TestHost.Ready("acme/tiny", LlmEngine.Load(TestData.Fixture("golden", golden), options)));
    }

    private static async Task<JsonElement> ExpectedAsync(string golden) =>
        JsonElement.Parse(await File.ReadAllBytesAsync(TestData.Fixture("golden", golden, "expected.json"), Cancellation));

    /// <summary>The arguments of the reference are fields of a request as they are.</summary>
    private static string Body(JsonElement prompt, JsonElement arguments, JsonObject more)
    {
        JsonObject body = JsonNode.Parse(arguments.GetRawText())!.AsObject();
        body.Remove("pad_token_id");
        body["model"] = "acme/tiny";
        body["prompt"] = new JsonArray([.. First(prompt).Select(id => JsonValue.Create(id))]);
        body["return_token_ids"] = true;
        foreach ((string name, JsonNode? value) in more)
            body[name] = value!.DeepClone();
        return body.ToJsonString();
    }

    private static int[] First(JsonElement ids) => [.. (ids[0].ValueKind == JsonValueKind.Array ? ids[0] : ids).EnumerateArray().Select(id => id.GetInt32())];

    private static string Ids(JsonElement ids) => string.Join(',', ids.EnumerateArray().Select(id => id.GetInt32()));
}
