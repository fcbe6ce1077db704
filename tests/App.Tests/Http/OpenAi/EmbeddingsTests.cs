using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using LlmService.Inference;
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
        string folder = MakeRanker();
        try
        {
            await using TestHost host = await StartAsync(folder, skipTokenizer: false);
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
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private const string Words = """
        {"version":"1.0","added_tokens":[
        {"id":1,"content":"[UNK]","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true},
        {"id":2,"content":"[CLS]","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true},
        {"id":3,"content":"[SEP]","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}],
        "normalizer":null,"pre_tokenizer":{"type":"Whitespace"},"post_processor":{"type":"BertProcessing","sep":["[SEP]",3],"cls":["[CLS]",2]},"decoder":null,
        "model":{"type":"WordLevel","unk_token":"[UNK]","vocab":{"[UNK]":1,"[CLS]":2,"[SEP]":3,"one":4,"a":5,"long":6,"text":7,"b":8,"other":9,"words":10,"here":11}}}
        """;

    /// <summary>A BERT with a head of one score, and a tokenizer whose ids it knows.</summary>
    private static string MakeRanker()
    {
        string folder = Directory.CreateTempSubdirectory("llm-service-test-").FullName;
        JsonNode config = JsonNode.Parse(File.ReadAllText(TestData.Fixture("golden", "bert", "config.json")))!;
        config["architectures"] = new JsonArray("BertForSequenceClassification");
        config["id2label"] = new JsonObject { ["0"] = "LABEL_0" };
        File.WriteAllText(Path.Combine(folder, "config.json"), config.ToJsonString());
        File.WriteAllText(Path.Combine(folder, "tokenizer.json"), Words);

        byte[] file = File.ReadAllBytes(TestData.Fixture("golden", "bert", "model.safetensors"));
        int length = (int)BitConverter.ToInt64(file);
        JsonNode header = JsonNode.Parse(file.AsSpan(8, length))!;
        int data = file.Length - 8 - length;
        byte[] weights = System.Runtime.InteropServices.MemoryMarshal.AsBytes<float>([.. Enumerable.Range(0, 32).Select(i => MathF.Sin(i + 1)), 0.1f]).ToArray();
        header["classifier.weight"] = Tensor([1, 32], data, data + 128);
        header["classifier.bias"] = Tensor([1], data + 128, data + 132);
        byte[] text = System.Text.Encoding.UTF8.GetBytes(header.ToJsonString());
        File.WriteAllBytes(Path.Combine(folder, "model.safetensors"), [.. BitConverter.GetBytes((long)text.Length), .. text, .. file[(8 + length)..], .. weights]);
        return folder;
    }

    private static JsonObject Tensor(int[] shape, int start, int end) =>
        new() { ["dtype"] = "F32", ["shape"] = new JsonArray([.. shape.Select(size => (JsonNode)size)]), ["data_offsets"] = new JsonArray(start, end) };

    private static async Task<JsonElement> Expected() =>
        JsonElement.Parse(await File.ReadAllBytesAsync(TestData.Fixture("golden", "bert", "expected.json"), TestContext.Current.CancellationToken));

    private static float[] Floats(JsonElement array) => [.. array.EnumerateArray().Select(value => value.GetSingle())];

    private static Task<TestHost> StartAsync(string folder, bool skipTokenizer = true) =>
        TestHost.StartAsync(TestHost.Ready("acme/tiny", LlmEngine.Load(folder, new EngineOptions { Workers = new WorkerPool(1), SkipTokenizer = skipTokenizer })));
}
