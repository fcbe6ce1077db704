using System.Text.Json;
using LlmService.Inference.Configuration;
using LlmService.Inference.Kernels;

namespace LlmService.Inference;

/// <summary>Beam search against the hypotheses of the reference.</summary>
public sealed class GoldenBeamTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("llama-gqa")]
    [InlineData("t5-v1_0")]
    [InlineData("flan-t5")]
    [InlineData("gpt2")]
    [InlineData("bart")]
    [InlineData("marian")]
    [InlineData("onnx-flan-t5")]
    public async Task GenerateAsync_Beams_SameHypotheses(string name)
    {
        JsonElement expected = await GoldenRunsTests.ExpectedAsync(name);
        using var workers = new WorkerPool(2);
        await using LlmEngine engine = GoldenRunsTests.Load(name, workers);
        JsonElement[] runs = [.. expected.GetProperty("beam_search").EnumerateArray()];

        // All together: that no group disturbs another is part of the test.
        List<GenerationUpdate>[] answers = await Task.WhenAll(runs.Select(run => GatherAsync(engine, GoldenRunsTests.Prompt(expected, run), run.GetProperty("args"))));

        for (int i = 0; i < runs.Length; i++)
            AssertHypotheses($"{name} {runs[i].GetProperty("args").GetRawText()}", [.. runs[i].GetProperty("hypotheses").EnumerateArray()], answers[i], runs[i].GetProperty("args"));
    }

    private static void AssertHypotheses(string run, JsonElement[] expected, List<GenerationUpdate> actual, JsonElement arguments)
    {
        Assert.Equal(expected.Length, actual.Count);
        HashSet<int> ends = arguments.TryGetProperty("eos_token_id", out JsonElement end) ? [.. GoldenRunsTests.Ints(end)] : [];
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.Equal(i, actual[i].Answer);
            Assert.True(Math.Abs(expected[i].GetProperty("score").GetDouble() - actual[i].Score!.Value) < 2e-4 * Math.Max(1, Math.Abs(actual[i].Score!.Value)), $"{run}: {i} has the score {actual[i].Score}");
            Assert.Equal(expected[i].GetProperty("finished").GetBoolean(), actual[i].FinishReason == FinishReason.Stop);

            // With several end tokens, which one of them is written last differs among the reference's own releases.
            Assert.Equal(Comparable(GoldenRunsTests.Ints(expected[i].GetProperty("new_ids")), ends), Comparable([.. actual[i].Tokens.Select(t => t.Id)], ends));
        }
    }

    private static int[] Comparable(int[] ids, HashSet<int> ends) => ends.Count > 1 && ids.Length > 0 && ends.Contains(ids[^1]) ? ids[..^1] : ids;

    private static async Task<List<GenerationUpdate>> GatherAsync(LlmEngine engine, int[] prompt, JsonElement arguments)
    {
        // The number of answers is the request's, the rest are fields of generation_config.json.
        Dictionary<string, JsonElement> fields = arguments.EnumerateObject().Where(a => a.Name != "num_return_sequences").ToDictionary(a => a.Name, a => a.Value);
        GenerationConfiguration configuration = GoldenRunsTests.Arguments(JsonSerializer.SerializeToElement(fields));
        GenerationRequest request = new()
        {
            PromptTokenIds = prompt,
            MaxTokens = configuration.MaxNewTokens,
            Sampling = configuration.DefaultSampling,
            EndTokenIds = configuration.EndTokenIds.Count > 0 ? configuration.EndTokenIds : null,
            Answers = arguments.GetProperty("num_return_sequences").GetInt32(),
        };
        List<GenerationUpdate> answers = [];
        await foreach (GenerationUpdate update in engine.GenerateAsync(request, Cancellation))
            answers.Add(update);
        return answers;
    }
}
