using System.Globalization;
using System.Text.Json;

namespace LlmService.Inference.Sampling;

/// <summary>The scores after each processor, against those of the reference library.</summary>
public sealed class GoldenProcessorTests
{
    private static readonly HashSet<string> Supported =
    [
        "do_sample", "temperature", "top_k", "top_p", "min_p", "repetition_penalty", "min_new_tokens", "eos_token_id", "sequence_bias",
    ];

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

        int compared = 0;
        foreach (JsonElement step in section.GetProperty("steps").EnumerateArray())
        {
            JsonElement arguments = step.GetProperty("args");
            if (!IsSupported(arguments))
                continue;
            AssertScores(step.GetProperty("name").GetString()!, Floats(step.GetProperty("scores")), Apply(arguments, ids, raw));
            compared++;
        }

        Assert.True(compared >= 13, $"only {compared} steps were compared");
    }

    private static bool IsSupported(JsonElement arguments) =>
        arguments.EnumerateObject().All(a => Supported.Contains(a.Name))
        && (!arguments.TryGetProperty("sequence_bias", out JsonElement bias) || bias.EnumerateArray().All(pair => pair[0].GetArrayLength() == 1));

    private static float[] Apply(JsonElement arguments, int[] ids, float[] raw)
    {
        bool samples = arguments.TryGetProperty("do_sample", out _);
        var parameters = new SamplingParameters
        {
            Temperature = samples ? Single(arguments, "temperature", 1) : 0,
            TopK = (int)Single(arguments, "top_k", samples ? 50 : 0),
            TopP = Single(arguments, "top_p", 1),
            MinP = Single(arguments, "min_p", 0),
            RepetitionPenalty = Single(arguments, "repetition_penalty", 1),
            MinTokens = (int)Single(arguments, "min_new_tokens", 0),
            LogitBias = arguments.TryGetProperty("sequence_bias", out JsonElement bias)
                ? bias.EnumerateArray().ToDictionary(pair => pair[0][0].GetInt32(), pair => pair[1].GetSingle())
                : new Dictionary<int, float>(),
        };
        int[] endTokenIds = arguments.TryGetProperty("eos_token_id", out JsonElement end) ? Ints(end) : [];

        float[] scores = [.. raw];
        foreach (LogitsProcessor processor in Sampler.Processors(parameters, endTokenIds))
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

    private static float Single(JsonElement arguments, string name, float missing) =>
        arguments.TryGetProperty(name, out JsonElement value) ? value.GetSingle() : missing;

    private static int[] Ints(JsonElement array) => [.. array.EnumerateArray().Select(e => e.GetInt32())];

    private static float[] Floats(JsonElement array) =>
        [.. array.EnumerateArray().Select(e => e.ValueKind == JsonValueKind.String ? float.Parse(e.GetString()!, CultureInfo.InvariantCulture) : e.GetSingle())];
}
