using System.Text.Json;
using LlmService.Inference.Configuration;
using LlmService.Inference.Kernels;

namespace LlmService.Inference;

/// <summary>Generations under processors, end tokens and the repository's own generation_config.json, against what the reference generated.</summary>
public sealed class GoldenRunsTests
{
    private static readonly string[] Committed = ["flan-t5", "t5-v1_0", "llama-gqa", "qwen2-tied", "mistral-sliding"];

    public static TheoryData<string> All => [.. Committed.Union(TestData.SharedFolders("golden").Where(IsGenerator))];

    public static TheoryData<string> EncoderDecoders => [.. new[] { "flan-t5", "t5-v1_0", "bart", "blenderbot", "marian", "mbart", "m2m-100", "pegasus", "mt5", "umt5", "flan-t5-bf16-smallbuckets", "onnx-flan-t5" }];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("llama-gqa")]
    [InlineData("gpt2")]
    [InlineData("t5-v1_0")]
    [InlineData("flan-t5")]
    public async Task GenerateAsync_GreedyWithProcessors_SameIds(string name)
    {
        using var workers = new WorkerPool(2);
        await using LlmEngine engine = Load(name, workers);
        foreach (JsonElement run in (await ExpectedAsync(name)).GetProperty("processors").GetProperty("greedy_runs").EnumerateArray())
        {
            GenerationConfiguration arguments = Arguments(run.GetProperty("args"));
            Answer answer = await GatherAsync(engine, Ints(run.GetProperty("input_ids")), 32, arguments.DefaultSampling, arguments.EndTokenIds);

            Assert.Equal(Ints(run.GetProperty("new_ids")), answer.Ids);
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public async Task GenerateAsync_EndTokens_EndWhereTheReferenceEnds(string name)
    {
        JsonElement expected = await ExpectedAsync(name);
        JsonElement run = expected.GetProperty("greedy_with_stop");
        using var workers = new WorkerPool(2);
        await using LlmEngine engine = Load(name, workers);

        Answer answer = await GatherAsync(engine, Prompt(expected, run), 32, new SamplingParameters(), Ints(run.GetProperty("eos_token_id")));

        Assert.Equal(Ints(run.GetProperty("new_ids")), answer.Ids);
    }

    [Theory]
    [MemberData(nameof(EncoderDecoders))]
    public async Task GenerateAsync_TheRepositorysOwnGenerationConfig_SameIds(string name)
    {
        JsonElement expected = await ExpectedAsync(name);
        JsonElement run = expected.GetProperty("greedy_with_generation_config");
        using var workers = new WorkerPool(2);
        await using LlmEngine engine = Load(name, workers);

        Answer answer = await GatherAsync(engine, Prompt(expected, run), run.GetProperty("max_new_tokens").GetInt32(), engine.DefaultSampling, null);

        // The decoder's start stands first.
        Assert.Equal(Ints(run.GetProperty("sequence"))[1..], answer.Ids);
    }

    /// <summary>The arguments of the reference are the fields of generation_config.json.</summary>
    internal static GenerationConfiguration Arguments(JsonElement arguments)
    {
        using var folder = new Tests.CheckpointFolder();
        folder.Write(GenerationConfiguration.FileName, arguments.GetRawText());
        return GenerationConfiguration.Load(folder.Folder);
    }

    internal static LlmEngine Load(string name, WorkerPool workers) => LlmEngine.Load(Golden(name), new EngineOptions { Workers = workers, SkipTokenizer = true });

    internal static async Task<JsonElement> ExpectedAsync(string name) =>
        JsonElement.Parse(await File.ReadAllBytesAsync(Path.Combine(Golden(name), "expected.json"), Cancellation));

    internal static int[] Prompt(JsonElement expected, JsonElement run) => Ints(expected.GetProperty("prompts")[run.GetProperty("prompt").GetInt32()].GetProperty("input_ids"));

    internal static int[] Ints(JsonElement array) => [.. array.EnumerateArray().Select(e => e.GetInt32())];

    private static Task<Answer> GatherAsync(LlmEngine engine, int[] prompt, int maxTokens, SamplingParameters sampling, IReadOnlyList<int>? endTokenIds) =>
        Answer.GatherAsync(engine, new GenerationRequest { PromptTokenIds = prompt, MaxTokens = maxTokens, Sampling = sampling, EndTokenIds = endTokenIds }, Cancellation);

    private static string Golden(string name) =>
        Committed.Contains(name) ? TestData.Fixture("golden", name) : TestData.Shared("golden", name);

    private static bool IsGenerator(string name) => File.ReadAllText(TestData.Shared("golden", name, "expected.json")).Contains("\"greedy_with_stop\"", StringComparison.Ordinal);
}
