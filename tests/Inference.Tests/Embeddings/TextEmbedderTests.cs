using System.Text.Json;
using LlmService.Inference.Configuration;
using LlmService.Inference.Execution;
using LlmService.Inference.Kernels;
using LlmService.Inference.Tests;
using LlmService.Inference.Tests.Architectures;

namespace LlmService.Inference.Embeddings;

public sealed class TextEmbedderTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("", "mean_pooled_normalized")]
    [InlineData("""[{"type":"sentence_transformers.models.Transformer","path":""},{"type":"sentence_transformers.models.Pooling","path":"1_Pooling"}]""", "mean_pooled")]
    [InlineData("""[{"type":"sentence_transformers.models.Pooling","path":"1_Pooling"},{"type":"sentence_transformers.models.Normalize","path":"2_Normalize"}]""", "mean_pooled_normalized")]
    public async Task EmbedAsync_FilesOfSentenceTransformers_DecideThePooling(string modules, string expected)
    {
        using CheckpointFolder folder = CheckpointFolder.CopyOf("bert");
        if (modules.Length > 0)
        {
            folder.Write("modules.json", modules);
            Pooling(folder, """{"word_embedding_dimension":32,"pooling_mode_cls_token":false,"pooling_mode_mean_tokens":true}""");
        }

        await CompareAsync(folder.Folder, expected);
    }

    [Theory]
    [InlineData("pooling_mode_cls_token", "cls_pooled_normalized")]
    [InlineData("pooling_mode_lasttoken", "last_token_pooled_normalized")]
    public async Task EmbedAsync_OneState_IsTaken(string mode, string expected)
    {
        using CheckpointFolder folder = CheckpointFolder.CopyOf("bert");
        folder.Write("modules.json", """[{"type":"sentence_transformers.models.Pooling","path":"1_Pooling"},{"type":"sentence_transformers.models.Normalize","path":"2_Normalize"}]""");
        Pooling(folder, $$"""{"{{mode}}":true}""");

        await CompareAsync(folder.Folder, expected);
    }

    [Theory]
    [InlineData("""[{"type":"sentence_transformers.models.Dense","path":"2_Dense"}]""", "Dense")]
    [InlineData("""[{"type":"sentence_transformers.models.Pooling","path":"../other"}]""", "path")]
    [InlineData("""{"type":"x"}""", "list")]
    public void Load_ModulesThatAreNotBuilt_AreRefusedByName(string modules, string named)
    {
        using CheckpointFolder folder = CheckpointFolder.CopyOf("bert");
        folder.Write("modules.json", modules);

        InferenceException exception = Assert.Throws<InferenceException>(() => ModelConfiguration.Load(folder.Folder));

        Assert.Contains(named, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task EmbedAsync_DecoderWithoutItsHead_TakesTheLastState() => await CompareAsync(TestData.Shared("golden", "qwen3-embedding"), "last_token_pooled_normalized");

    [Fact]
    public async Task EmbedAsync_HalfOfAT5_TakesTheMean() => await CompareAsync(TestData.Shared("golden", "t5-encoder"), "mean_pooled_normalized");

    [Fact]
    public async Task EmbedAsync_BadTexts_AreRefused()
    {
        using WorkerPool workers = new(1);
        await using LlmEngine engine = Open(TestData.Fixture("golden", "bert"), workers);

        Assert.Equal(InferenceFailure.InvalidRequest, (await Assert.ThrowsAsync<InferenceException>(() => engine.Embedder!.EmbedAsync([[]], Cancellation))).Failure);
        Assert.Equal(InferenceFailure.InvalidRequest, (await Assert.ThrowsAsync<InferenceException>(() => engine.Embedder!.EmbedAsync([[1, -1]], Cancellation))).Failure);
        Assert.Equal(InferenceFailure.ContextLengthExceeded, (await Assert.ThrowsAsync<InferenceException>(() => engine.Embedder!.EmbedAsync([new int[131]], Cancellation))).Failure);
        Assert.Equal(InferenceFailure.InvalidRequest, Assert.Throws<InferenceException>(() => engine.GenerateAsync(new() { PromptTokenIds = [1] }, Cancellation)).Failure);
    }

    [Fact]
    public void Of_Encoder_IsMeasuredFromItsConfiguration()
    {
        ModelSize size = ModelSize.Of(ModelConfiguration.Load(TestData.Fixture("golden", "bert")));

        Assert.Equal((0, true), (size.CacheBytesPerToken, size.ParameterCount > 30000));
    }

    private static void Pooling(CheckpointFolder folder, string content)
    {
        Directory.CreateDirectory(folder["1_Pooling"]);
        File.WriteAllText(Path.Combine(folder["1_Pooling"], "config.json"), content);
    }

    // All texts together, in passes of a few tokens, within the tolerance of the golden data for normalised vectors.
    private static async Task CompareAsync(string folder, string expected)
    {
        using WorkerPool workers = new(2);
        await using LlmEngine engine = Open(folder, workers);
        JsonElement[] prompts = [.. JsonDocument.Parse(await File.ReadAllBytesAsync(Path.Combine(folder, "expected.json"), Cancellation)).RootElement.GetProperty("prompts").EnumerateArray()];
        int[][] texts = [.. prompts.Select(prompt => GoldenPrompt.First(prompt.GetProperty("input_ids")))];

        float[][] vectors = await engine.Embedder!.EmbedAsync(texts, Cancellation);

        for (int i = 0; i < prompts.Length; i++)
        {
            float[] wanted = GoldenPrompt.Floats(prompts[i].GetProperty(expected));
            for (int at = 0; at < wanted.Length; at++)
                Assert.Equal(wanted[at], vectors[i][at], 1e-5f);
        }
    }

    private static LlmEngine Open(string folder, WorkerPool workers) => LlmEngine.Load(folder, new() { Workers = workers, SkipTokenizer = true, PrefillChunkTokens = 24 });
}
