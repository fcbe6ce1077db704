using System.Text.Json;
using LlmService.Inference.Architectures;
using LlmService.Inference.Configuration;
using LlmService.Inference.Embeddings;
using LlmService.Inference.Kernels;
using LlmService.Inference.Tests.Architectures;
using LlmService.Inference.Weights;

namespace LlmService.Inference.Tests.Weights.Onnx;

/// <summary>Exported graphs of encoders against what ONNX Runtime computes with them.</summary>
public sealed class GoldenOnnxEncoderTests
{
    // What the golden data calls the difference of float graphs; the integer ones have no activation at a border of rounding.
    private const float Exact = 4e-6f;

    // Measured, and some air: what activations in floats, or in our own 8 bits with attention in bfloat16, differ from ONNX's 8 bits over all tokens: 0.053 and 0.104 at most,
    // 0.009 and 0.0126 in the mean.
    private const float ServedLargest = 0.13f, ServedMean = 0.014f;

    [Theory]
    [InlineData("float32", "fp32")]
    [InlineData("_quantized", "q8")]
    [InlineData("_uint8", "uint8")]
    public void Encode_ExactProducts_MatchOnnxRuntime(string variant, string name)
    {
        float[] distances = Distances(variant, name, options => options with { ExactOnnxArithmetic = true });

        Assert.True(distances.Max() <= Exact, $"largest {distances.Max()}");
    }

    /// <summary>Each text is quantised over its own tokens, also where requests come together.</summary>
    [Fact]
    public async Task EmbedAsync_ExactProducts_AreTheSameAloneAndAmongOthers()
    {
        string folder = TestData.Shared("golden", "onnx-bert");
        using WorkerPool workers = new(1);
        await using LlmEngine engine = LlmEngine.Load(folder, new() { Workers = workers, SkipTokenizer = true, ExactOnnxArithmetic = true, Weights = Choice(folder, "q8") });
        EncoderText[] texts = [.. Enumerable.Range(1, 8).Select(length => TextPreparation.Tokens([.. Enumerable.Range(5, 5 * length)]))];

        float[][] together = await engine.Encoder!.EmbedAsync(texts, TestContext.Current.CancellationToken);

        for (int i = 0; i < texts.Length; i++)
            Assert.Equal((await engine.Encoder.EmbedAsync([texts[i]], TestContext.Current.CancellationToken))[0], together[i]);
    }

    [Theory]
    [InlineData("_quantized", "q8", ComputeFormat.F32)]
    [InlineData("_quantized", "q8", ComputeFormat.Q8)]
    [InlineData("_uint8", "uint8", ComputeFormat.F32)]
    [InlineData("_uint8", "uint8", ComputeFormat.Q8)]
    public void Encode_Served_StaysNearOnnxRuntime(string variant, string name, ComputeFormat format)
    {
        float[] distances = Distances(variant, name, options => options with { Format = format });

        Assert.True(distances.Max() <= ServedLargest && distances.Average() <= ServedMean, $"largest {distances.Max()}, mean {distances.Average()}");
    }

    private static float[] Distances(string variant, string name, Func<EngineOptions, EngineOptions> change)
    {
        string folder = TestData.Shared("golden", "onnx-bert");
        using WorkerPool workers = new(2);
        using TextEncoder encoder = TextEncoder.Build(ModelConfiguration.Load(folder), Checkpoint.Open(folder, Choice(folder, name)), change(new() { Workers = workers, Format = ComputeFormat.F32 }));
        JsonElement[] prompts = Prompts(Path.Combine(folder, "expected.json"), root => root);
        JsonElement[] outputs = Prompts(Path.Combine(folder, "onnx_expected.json"), root => root.GetProperty("variants").GetProperty(variant));
        List<float> distances = [];
        foreach ((JsonElement prompt, JsonElement output) in prompts.Zip(outputs))
        {
            int[][]? types = prompt.TryGetProperty("token_type_ids", out JsonElement given) && given.ValueKind == JsonValueKind.Array ? [GoldenPrompt.First(given)] : null;
            float[] states = encoder.Encode([GoldenPrompt.First(prompt.GetProperty("input_ids"))], types).ToArray();
            int[] positions = GoldenPrompt.Ints(prompt.GetProperty("positions"));
            foreach ((float[] row, int position) in GoldenPrompt.Rows(output.GetProperty("last_hidden_state")).Zip(positions))
                distances.AddRange(row.Select((value, i) => MathF.Abs(value - states[position * encoder.HiddenSize + i]) is var distance && float.IsNaN(distance) ? float.PositiveInfinity : distance));
        }
        return [.. distances];
    }

    private static WeightChoice Choice(string folder, string name) => WeightFiles.List([.. WeightFiles.FilesOf(folder)]).Single(choice => choice.Format == WeightFormat.Onnx && choice.Variant == name);

    private static JsonElement[] Prompts(string file, Func<JsonElement, JsonElement> find) => [.. find(JsonDocument.Parse(File.ReadAllBytes(file)).RootElement).GetProperty("prompts").EnumerateArray()];
}
