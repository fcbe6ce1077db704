using System.Text.Json;
using LlmService.Inference.Kernels;
using LlmService.Tokenizers;

namespace LlmService.Inference;

/// <summary>Whole generations of loaded models, against what the reference generated.</summary>
public sealed class GoldenGenerationTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("llama-gqa")]
    [InlineData("llama-mha-tied-bf16")]
    [InlineData("mistral-sliding")]
    [InlineData("qwen2-tied")]
    [InlineData("t5-v1_0")]
    [InlineData("flan-t5")]
    public async Task GenerateAsync_Greedy_SameIdsAsTheReference(string name)
    {
        string folder = Golden(name);
        using JsonDocument document = JsonDocument.Parse(await File.ReadAllBytesAsync(Path.Combine(folder, "expected.json"), Cancellation));
        using var workers = new WorkerPool(2);
        await using LlmEngine engine = LlmEngine.Load(folder, new EngineOptions { Workers = workers, SkipTokenizer = true, PrefillChunkTokens = 16 });
        JsonElement[] prompts = [.. document.RootElement.GetProperty("prompts").EnumerateArray()];

        // All together: that none disturbs another is part of the test.
        Answer[] answers = await Task.WhenAll(prompts.Select(prompt => Gather(engine, new GenerationRequest
        {
            PromptTokenIds = Ints(prompt.GetProperty("input_ids")),
            MaxTokens = 32,
            IgnoreEndTokens = true,
        })));

        for (int i = 0; i < prompts.Length; i++)
            Assert.Equal(Ints(prompts[i].GetProperty("greedy_new_ids")), answers[i].Ids);
    }

    [Fact]
    public async Task GenerateAsync_TinyStories_SameIdsAndTextAsTheReferenceFile()
    {
        string folder = TestData.Shared("models", "raincandy-u--TinyStories-656K");
        using JsonDocument document = JsonDocument.Parse(
            await File.ReadAllBytesAsync(TestData.Shared("models", "reference", "TinyStories-656K.greedy.json"), Cancellation));
        using var workers = new WorkerPool(2);
        await using LlmEngine engine = LlmEngine.Load(folder, new EngineOptions { Workers = workers });

        foreach (JsonElement story in document.RootElement.GetProperty("cases").EnumerateArray())
        {
            int[] expected = Ints(story.GetProperty("greedy_ids"));
            Answer answer = await Gather(engine, new GenerationRequest
            {
                PromptTokenIds = Ints(story.GetProperty("input_ids")),
                MaxTokens = expected.Length,
                IgnoreEndTokens = true,
            });
            Answer again = await Gather(engine, new GenerationRequest
            {
                Prompt = story.GetProperty("text").GetString(),
                MaxTokens = expected.Length,
                IgnoreEndTokens = true,
            });

            Assert.Equal(expected, answer.Ids);
            Assert.Equal(engine.Tokenizer!.Decode(expected, SpecialTokens.Skip), answer.Text);
            Assert.Equal(Ints(story.GetProperty("input_ids")), again.Prompt!.Select(t => t.Id));
            Assert.Equal(expected, again.Ids);
        }
    }

    [Theory]
    [InlineData("llama-rope-dynamic", "greedy_new_ids")]
    [InlineData("phi3-longrope", "greedy_without_cache_all")]
    [InlineData("phi3-partial-longrope", "greedy_without_cache_all")]
    [InlineData("lfm2", "greedy_new_ids")]
    [InlineData("deepseek-v3", "greedy_new_ids")]
    [InlineData("m2m-100", "greedy_new_ids")]
    public async Task GenerateAsync_RotationThatFollowsTheLength_SameIdsAsTheReference(string name, string ids)
    {
        string folder = Golden(name);
        using JsonDocument document = JsonDocument.Parse(await File.ReadAllBytesAsync(Path.Combine(folder, "expected.json"), Cancellation));
        JsonElement root = document.RootElement;
        using var workers = new WorkerPool(2);
        // Chunks far shorter than the prompts, which are not to be cut where rotation follows the length.
        await using LlmEngine engine = LlmEngine.Load(folder, new EngineOptions { Workers = workers, SkipTokenizer = true, PrefillChunkTokens = 8 });
        JsonElement[] prompts = [.. root.GetProperty("prompts").EnumerateArray()];

        Answer[] answers = await Task.WhenAll(prompts.Select(prompt => Gather(engine, new GenerationRequest { PromptTokenIds = Ints(prompt.GetProperty("input_ids")), MaxTokens = 32, IgnoreEndTokens = true })));

        for (int i = 0; i < prompts.Length; i++)
            Assert.Equal(Ints(ids == "greedy_new_ids" ? prompts[i].GetProperty(ids) : root.GetProperty(ids)[i]), answers[i].Ids);
    }

    [Fact]
    public async Task GenerateAsync_SpellingToSound_SameIdsAsTheReferenceFile()
    {
        string folder = TestData.Shared("models", "PeterReid--graphemes_to_phonemes_en_us");
        using JsonDocument document = JsonDocument.Parse(
            await File.ReadAllBytesAsync(TestData.Shared("models", "reference", "graphemes_to_phonemes_en_us.greedy.json"), Cancellation));
        using var workers = new WorkerPool(2);
        await using LlmEngine engine = LlmEngine.Load(folder, new EngineOptions { Workers = workers, SkipTokenizer = true });

        foreach (JsonElement word in document.RootElement.GetProperty("cases").EnumerateArray())
        {
            // The decoder's start stands first in the file.
            int[] expected = Ints(word.GetProperty("output_ids"))[1..];
            Answer answer = await Gather(engine, new GenerationRequest { PromptTokenIds = Ints(word.GetProperty("input_ids")), MaxTokens = expected.Length });

            Assert.Equal(expected, answer.Ids);
        }
    }

    /// <summary>A committed case, or one of the reference data.</summary>
    private static string Golden(string name) =>
        Directory.Exists(TestData.Fixture("golden", name)) ? TestData.Fixture("golden", name) : TestData.Shared("golden", name);

    private static int[] Ints(JsonElement array) => [.. array.EnumerateArray().Select(e => e.GetInt32())];

    private static Task<Answer> Gather(LlmEngine engine, GenerationRequest request) => Answer.GatherAsync(engine, request, Cancellation);
}
