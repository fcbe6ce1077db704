using System.Globalization;
using System.Text.Json;
using LlmService.Inference.Configuration;

namespace LlmService.Inference.Sampling;

/// <summary>The scores after each processor, against those of the reference library.</summary>
public sealed class GoldenProcessorTests
{
    [Theory]
    [InlineData("llama-gqa")]
    [InlineData("gpt2")]
    [InlineData("flan-t5")]
    [InlineData("t5-v1_0")]
    public void Apply_ArgumentsOfTheReference_SameScores(string name)
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(TestData.Shared("golden", name, "expected.json")));
        JsonElement section = document.RootElement.GetProperty("processors");
        float[] raw = Floats(section.GetProperty("raw_logits"));
        bool isEncoderDecoder = section.TryGetProperty("decoder_input_ids", out JsonElement decoderIds);
        int[] ids = Ints(isEncoderDecoder ? decoderIds : section.GetProperty("input_ids"));

        foreach (JsonElement step in section.GetProperty("steps").EnumerateArray())
        {
            // The forced first token is a step of its own, right after the start token.
            int[] read = step.TryGetProperty("decoder_input_ids", out JsonElement own) ? Ints(own) : ids;
            AssertScores(step.GetProperty("name").GetString()!, Floats(step.GetProperty("scores")), Apply(step.GetProperty("args"), Ints(section.GetProperty("input_ids")), read, raw));
        }
    }

    /// <summary>The arguments of the reference are the fields of generation_config.json: they go the way of a model's own defaults.</summary>
    private static float[] Apply(JsonElement arguments, int[] prompt, int[] ids, float[] raw)
    {
        GenerationConfiguration generation = GoldenRunsTests.Arguments(arguments);
        var limits = new AnswerLimits { PromptIds = prompt, EndTokenIds = generation.EndTokenIds, MaxTokens = 1 };

        float[] scores = [.. raw];
        foreach (LogitsProcessor processor in ProcessorList.Of(generation.DefaultSampling, limits))
            processor.Apply(new TokenHistory(ids, ids.Length), scores);
        return scores;
    }

    private static void AssertScores(string name, float[] expected, float[] actual)
    {
        for (int id = 0; id < expected.Length; id++)
        {
            bool isEqual = float.IsInfinity(expected[id]) ? actual[id] == expected[id] : MathF.Abs(expected[id] - actual[id]) < 1e-5f;
            Assert.True(isEqual, $"{name}: token {id} has {actual[id]}, expected {expected[id]}");
        }
    }

    private static int[] Ints(JsonElement array) => [.. array.EnumerateArray().Select(e => e.GetInt32())];

    private static float[] Floats(JsonElement array) =>
        [.. array.EnumerateArray().Select(e => e.ValueKind == JsonValueKind.String ? float.Parse(e.GetString()!, CultureInfo.InvariantCulture) : e.GetSingle())];
}
