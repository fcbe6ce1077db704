using System.Text.Json;
using LlmService.Inference.Architectures;
using LlmService.Inference.Configuration;
using LlmService.Inference.Kernels;
using LlmService.Inference.Weights;

namespace LlmService.Inference.Tests.Architectures;

/// <summary>States of encoders against the reference implementation.</summary>
public sealed class GoldenEncoderTests
{
    public static TheoryData<string> Cases =>
        ["bert", "bert-fp16-gelu_new", "onnx-bert", "roberta", "xlm-roberta", "mpnet", "distilbert", "albert", "electra", "deberta-v2", "modernbert", "t5-encoder", "qwen3-embedding"];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Encode_ReferenceData_MatchesTheReference(string name)
    {
        string folder = TestData.Shared("golden", name);
        using WorkerPool workers = new(2);
        using TextEncoder encoder = Open(folder, workers, KernelPaths.Best);
        foreach (JsonElement prompt in Prompts(folder))
        {
            int[] ids = Ids(prompt);
            Memory<float> states = encoder.Encode([ids], Types(prompt));
            int[] positions = GoldenPrompt.Ints(prompt.GetProperty("positions"));
            float[][] expected = [.. GoldenPrompt.Rows(prompt.GetProperty("last_hidden_state"))];
            for (int i = 0; i < positions.Length; i++)
                GoldenNumbers.AssertClose(expected[i], states.Span.Slice(positions[i] * encoder.HiddenSize, encoder.HiddenSize));
            if (prompt.TryGetProperty("pooler_output", out JsonElement pooled))
                GoldenNumbers.AssertClose(GoldenPrompt.Floats(pooled), encoder.Pool(states[..encoder.HiddenSize]).Span);
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Encode_AllTextsTogetherOrScalar_GivesTheSameBits(string name)
    {
        string folder = TestData.Shared("golden", name);
        using WorkerPool workers = new(2);
        using TextEncoder encoder = Open(folder, workers, KernelPaths.Best);
        using TextEncoder scalar = Open(folder, workers, KernelPath.Scalar);
        int[][] texts = [.. Prompts(folder).Select(Ids)];
        float[] singles = [.. texts.SelectMany(text => encoder.Encode([text]).ToArray())];
        Assert.Equal(singles, encoder.Encode(texts).ToArray());
        Assert.Equal(singles, scalar.Encode(texts).ToArray());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Encode_NobodyWaitsAnyMore_StopsBeforeTheNextLayer(int asked)
    {
        string folder = TestData.Fixture("golden", "bert");
        using WorkerPool workers = new(1);
        using TextEncoder encoder = Open(folder, workers, KernelPaths.Best);
        int[] text = [.. Enumerable.Range(3, 100)];
        float[] whole = encoder.Encode([text]).ToArray();
        int times = 0, layers = 0;

        Assert.True(encoder.Encode([text], null, () => ++times == asked).IsEmpty);

        Assert.Equal(asked, times);
        Assert.Equal(whole, encoder.Encode([text], null, () => ++layers < 0).ToArray());
        Assert.Equal(ModelConfiguration.Load(folder).Encoder!.LayerCount, layers);
    }

    /// <summary>What the judgement of memory counts for a long text is no less than what its first pass takes.</summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public void ActivationsPerToken_LongText_CoverWhatAPassTakes(string name)
    {
        string folder = TestData.Shared("golden", name);
        using WorkerPool workers = new(1);
        foreach (ComputeFormat format in new[] { ComputeFormat.F32, ComputeFormat.Q8 })
        {
            using TextEncoder encoder = Open(folder, workers, KernelPaths.Best, format);
            int[] text = [.. Enumerable.Range(0, Math.Min(encoder.Model.ContextLength, 512)).Select(i => 3 + i % 200)];
            long before = GC.GetAllocatedBytesForCurrentThread();
            encoder.Encode([text]);
            long taken = GC.GetAllocatedBytesForCurrentThread() - before, counted = sizeof(float) * (encoder.ActivationsPerToken * text.Length + encoder.ConstantActivations);

            // Lists of positions and the like.
            long small = 400L * text.Length + 100_000;
            Assert.True(taken <= counted + small, $"{format}: {taken} bytes taken, {counted} counted, {small} of small things");
        }
    }

    private static TextEncoder Open(string folder, WorkerPool workers, KernelPath kernels, ComputeFormat format = ComputeFormat.F32) => TextEncoder.Build(ModelConfiguration.Load(folder),
        Checkpoint.Open(folder, WeightFiles.Preferred(folder)), new() { Workers = workers, Kernels = kernels, Format = format });

    private static JsonElement.ArrayEnumerator Prompts(string folder) => JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "expected.json"))).RootElement.GetProperty("prompts").EnumerateArray();

    private static int[] Ids(JsonElement prompt) => GoldenPrompt.First(prompt.GetProperty("input_ids"));

    private static int[][]? Types(JsonElement prompt) => prompt.TryGetProperty("token_type_ids", out JsonElement types) && types.ValueKind == JsonValueKind.Array ? [GoldenPrompt.First(types)] : null;
}
