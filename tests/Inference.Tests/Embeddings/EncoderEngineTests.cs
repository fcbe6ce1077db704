using System.Text.Json;
using LlmService.Inference.Configuration;
using LlmService.Inference.Execution;
using LlmService.Inference.Kernels;
using LlmService.Inference.Tests;
using LlmService.Inference.Tests.Architectures;
using LlmService.Inference.Tests.Weights.PyTorch;
using LlmService.Inference.Weights;

namespace LlmService.Inference.Embeddings;

public sealed class EncoderEngineTests
{
    // Minutes of work.
    private const int Many = 200_000;

    private const string Mean = """{"word_embedding_dimension":32,"pooling_mode_cls_token":false,"pooling_mode_mean_tokens":true}""";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task EmbedAsync_WithoutFiles_TakesTheMeanOfLength1() => await CompareAsync(TestData.Fixture("golden", "bert"), "mean_pooled_normalized");

    [Theory]
    [InlineData("pooling_mode_mean_tokens", false, "mean_pooled")]
    [InlineData("pooling_mode_mean_tokens", true, "mean_pooled_normalized")]
    [InlineData("pooling_mode_cls_token", true, "cls_pooled_normalized")]
    [InlineData("pooling_mode_lasttoken", true, "last_token_pooled_normalized")]
    public async Task EmbedAsync_FilesOfSentenceTransformers_DecideThePooling(string mode, bool normalizes, string expected)
    {
        using EmbedderFolder folder = new();
        folder.Modules(normalizes ? [EmbedderFolder.PoolingModule, EmbedderFolder.NormalizeModule] : [EmbedderFolder.PoolingModule]);
        folder.Pooling($$"""{"pooling_mode_mean_tokens":false,"{{mode}}":true}""");

        await CompareAsync(folder.Folder, expected);
    }

    [Fact]
    public async Task EmbedAsync_DecoderWithoutItsHead_TakesTheLastState() => await CompareAsync(TestData.Shared("golden", "qwen3-embedding"), "last_token_pooled_normalized");

    [Fact]
    public async Task EmbedAsync_HalfOfAT5_TakesTheMean() => await CompareAsync(TestData.Shared("golden", "t5-encoder"), "mean_pooled_normalized");

    /// <summary>The projection of the golden mean, computed here in double precision.</summary>
    [Theory]
    [InlineData("torch.nn.modules.activation.Tanh", true, false)]
    [InlineData("torch.nn.modules.linear.Identity", false, true)]
    public async Task EmbedAsync_Dense_ProjectsTheVector(string activation, bool hasBias, bool isPyTorch)
    {
        float[] weights = [.. Enumerable.Range(0, 5 * 32).Select(i => MathF.Sin(i))], bias = [.. Enumerable.Range(0, 5).Select(i => 0.1f * i)];
        using EmbedderFolder folder = new();
        folder.Modules(EmbedderFolder.PoolingModule, EmbedderFolder.DenseModule, EmbedderFolder.NormalizeModule).Pooling(Mean);
        folder.Write("2_Dense/config.json", $$"""{"in_features":32,"out_features":5,"bias":{{(hasBias ? "true" : "false")}},"activation_function":"{{activation}}"}""");
        if (isPyTorch)
            folder.Write("2_Dense/pytorch_model.bin", TorchFile.Zip(new TorchTensor("linear.weight", "FloatStorage", [5, 32], CheckpointFolder.Bytes(weights))));
        else
            folder.Write("2_Dense/model.safetensors", CheckpointFolder.Encode(("linear.weight", "F32", [5, 32], CheckpointFolder.Bytes(weights)), ("linear.bias", "F32", [5], CheckpointFolder.Bytes(bias))));
        using WorkerPool workers = new(1);
        await using LlmEngine engine = Open(folder.Folder, workers);
        JsonElement[] prompts = Prompts(folder.Folder);

        float[][] vectors = await engine.Encoder!.EmbedAsync(Texts(prompts), Cancellation);

        Assert.Equal((5, 5), (engine.Encoder.Width, engine.Model.EmbeddingWidth));
        for (int i = 0; i < prompts.Length; i++)
        {
            float[] pooled = GoldenPrompt.Floats(prompts[i].GetProperty("mean_pooled"));
            double[] projected = [.. Enumerable.Range(0, 5).Select(row => Enumerable.Range(0, 32).Sum(column => (double)weights[row * 32 + column] * pooled[column]) + (hasBias ? bias[row] : 0))];
            if (activation.EndsWith("Tanh", StringComparison.Ordinal))
                projected = Array.ConvertAll(projected, Math.Tanh);
            double length = Math.Sqrt(projected.Sum(value => value * value));
            for (int row = 0; row < 5; row++)
                Assert.Equal(projected[row] / length, vectors[i][row], 1e-5);
        }
    }

    [Fact]
    public async Task EmbedAsync_SeveralModes_GiveAWiderVector()
    {
        using EmbedderFolder folder = new();
        folder.Modules(EmbedderFolder.PoolingModule).Pooling("""{"pooling_mode_cls_token":true,"pooling_mode_mean_tokens":true}""");
        using WorkerPool workers = new(1);
        await using LlmEngine engine = Open(folder.Folder, workers);
        JsonElement[] prompts = Prompts(folder.Folder);

        float[][] vectors = await engine.Encoder!.EmbedAsync(Texts(prompts), Cancellation);

        Assert.Equal(64, engine.Encoder.Width);
        for (int i = 0; i < prompts.Length; i++)
        {
            float[] mean = GoldenPrompt.Floats(prompts[i].GetProperty("mean_pooled")), first = GoldenPrompt.Floats(prompts[i].GetProperty("cls_pooled_normalized"));
            double length = Math.Sqrt(vectors[i].Take(32).Sum(value => (double)value * value));
            for (int at = 0; at < 32; at++)
            {
                Assert.Equal(first[at], vectors[i][at] / length, 1e-5);
                Assert.Equal(mean[at], vectors[i][32 + at], 1e-5f);
            }
        }
    }

    [Theory]
    [InlineData("bert", ComputeFormat.F32)]
    [InlineData("bert", ComputeFormat.Q8)]
    [InlineData("deberta-v2", ComputeFormat.F32)]
    [InlineData("modernbert", ComputeFormat.Q8)]
    [InlineData("mpnet", ComputeFormat.Q4)]
    public async Task EmbedAsync_ManyRequestsAtOnce_GiveTheBitsOfSingles(string name, ComputeFormat format)
    {
        using WorkerPool workers = new(2);
        await using LlmEngine engine = LlmEngine.Load(TestData.Shared("golden", name), new() { Workers = workers, SkipTokenizer = true, Format = format, PrefillChunkTokens = 96 });
        EncoderText[] texts = [.. Texts(Prompts(TestData.Shared("golden", name))), .. Enumerable.Range(1, 20).Select(length => TextPreparation.Tokens([.. Enumerable.Range(5, length)]))];
        List<float[]> singles = [];
        foreach (EncoderText text in texts)
            singles.AddRange(await engine.Encoder!.EmbedAsync([text], Cancellation));

        Task<float[][]>[] requests = [.. Enumerable.Range(0, 12).Select(i => engine.Encoder!.EmbedAsync([.. texts.Skip(i), .. texts.Take(i)], Cancellation))];
        float[][][] all = await Task.WhenAll(requests);

        for (int i = 0; i < all.Length; i++)
            Assert.Equal(singles.Skip(i).Concat(singles.Take(i)), all[i]);
    }

    [Fact]
    public async Task EmbedAsync_BadTexts_AreRefusedAtOnce()
    {
        using WorkerPool workers = new(1);
        await using LlmEngine engine = Open(TestData.Fixture("golden", "bert"), workers);

        Assert.Equal(InferenceFailure.InvalidRequest, Refusal(engine, []).Failure);
        Assert.Equal(InferenceFailure.InvalidRequest, Refusal(engine, [1, -1]).Failure);
        Assert.Equal(InferenceFailure.InvalidRequest, Refusal(engine, [300]).Failure);
        InferenceException tooLong = Refusal(engine, new int[131]);
        Assert.Equal((InferenceFailure.ContextLengthExceeded, "input"), (tooLong.Failure, tooLong.Field));
        Assert.Contains("131 tokens; the model reads at most 130", tooLong.Message, StringComparison.Ordinal);
        Assert.Equal(InferenceFailure.InvalidRequest, Assert.Throws<InferenceException>(() => engine.GenerateAsync(new() { PromptTokenIds = [1] }, Cancellation)).Failure);
    }

    [Fact]
    public async Task EmbedAsync_FullQueue_IsRefusedAsOfTheGeneratingEngine()
    {
        using WorkerPool workers = new(1);
        await using LlmEngine engine = Open(TestData.Fixture("golden", "bert"), workers, maxWaiting: 1);
        using CancellationTokenSource gone = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        Task<float[][]>[] taken = [engine.Encoder!.EmbedAsync(Work(Many), gone.Token), engine.Encoder.EmbedAsync(Work(Many), gone.Token)];

        InferenceException full = Assert.Throws<InferenceException>(() => { _ = engine.Encoder.EmbedAsync(Work(1), Cancellation); });

        Assert.Equal((InferenceFailure.QueueFull, "The model is busy and its queue is full."), (full.Failure, full.Message));
        Assert.Equal(2, engine.RunningSequences + engine.WaitingRequests);
        await gone.CancelAsync();
        foreach (Task<float[][]> request in taken)
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => request);
    }

    /// <summary>The work that is left would take minutes; the places are free as soon as the thread has seen it.</summary>
    [Fact]
    public async Task EmbedAsync_CallersThatAreGone_GiveTheirPlacesBack()
    {
        using WorkerPool workers = new(1);
        await using LlmEngine engine = Open(TestData.Fixture("golden", "bert"), workers, maxWaiting: 1);
        using CancellationTokenSource gone = new();
        Task<float[][]>[] requests = [engine.Encoder!.EmbedAsync(Work(Many), gone.Token), engine.Encoder.EmbedAsync(Work(Many), gone.Token)];
        await gone.CancelAsync();
        foreach (Task<float[][]> request in requests)
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => request);

        float[][]? result = null;
        while (result is null)
        {
            try
            {
                result = await engine.Encoder.EmbedAsync(Work(3), Cancellation).WaitAsync(TimeSpan.FromSeconds(20), Cancellation);
            }
            catch (InferenceException e) when (e.Failure == InferenceFailure.QueueFull)
            {
                await Task.Yield();
            }
        }

        Assert.Equal(3, result.Length);
    }

    [Fact]
    public async Task EmbedAsync_FewTexts_NeedNotWaitForTheManyOfAnother()
    {
        using WorkerPool workers = new(1);
        await using LlmEngine engine = Open(TestData.Fixture("golden", "bert"), workers);
        using CancellationTokenSource gone = new();
        Task<float[][]> many = engine.Encoder!.EmbedAsync(Work(Many), gone.Token);

        float[][] few = await engine.Encoder.EmbedAsync(Work(4), Cancellation);

        Assert.Equal(4, few.Length);
        Assert.False(many.IsCompleted);
        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => many);
    }

    [Fact]
    public async Task DisposeAsync_WithWorkLeft_EndsIt()
    {
        using WorkerPool workers = new(1);
        LlmEngine engine = Open(TestData.Fixture("golden", "bert"), workers);
        Task<float[][]> request = engine.Encoder!.EmbedAsync(Work(Many), Cancellation);

        await engine.DisposeAsync();

        await Assert.ThrowsAsync<ObjectDisposedException>(() => request);
        Assert.Throws<ObjectDisposedException>(() => { _ = engine.Encoder.EmbedAsync(Work(1), Cancellation); });
    }

    [Fact]
    public async Task EmbedAsync_WeightsThatAreNoNumbers_FailTheRequestAndNotTheEngine()
    {
        using EmbedderFolder folder = new();
        folder.Modules(EmbedderFolder.PoolingModule, EmbedderFolder.DenseModule).Pooling(Mean).Write("2_Dense/config.json", """{"in_features":32,"out_features":1,"bias":false,"activation_function":"torch.nn.Identity"}""");
        folder.Write("2_Dense/model.safetensors", CheckpointFolder.Encode(("linear.weight", "F32", [1, 32], CheckpointFolder.Bytes([.. Enumerable.Repeat(float.NaN, 32)]))));
        using WorkerPool workers = new(1);
        await using LlmEngine engine = Open(folder.Folder, workers);

        for (int i = 0; i < 2; i++)
            Assert.Equal(InferenceFailure.CorruptModel, (await Assert.ThrowsAsync<InferenceException>(() => engine.Encoder!.EmbedAsync(Work(3), Cancellation))).Failure);
        Assert.Equal(0, engine.WaitingRequests);
    }

    [Theory]
    [InlineData(299, true)]
    [InlineData(300, false)]
    public async Task Load_TokenizerWithMoreIdsThanTheModel_IsRefused(int highestId, bool fits)
    {
        using EmbedderFolder folder = new();
        folder.Tokenizer(highestId);
        using WorkerPool workers = new(1);
        EngineOptions options = new() { Workers = workers };
        if (fits)
        {
            await using LlmEngine engine = LlmEngine.Load(folder.Folder, options);
            Assert.True(engine.Encoder!.Texts.HasTokenizer);
            return;
        }

        InferenceException exception = Assert.Throws<InferenceException>(() => LlmEngine.Load(folder.Folder, options));

        Assert.Equal(InferenceFailure.CorruptModel, exception.Failure);
        Assert.Contains("ids 0 to 300", exception.Message, StringComparison.Ordinal);
        Assert.Contains("300 rows", exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"max_seq_length":5}""", null, 5)]
    [InlineData("""{"max_seq_length":5000}""", null, 130)]
    [InlineData("""{"max_seq_length":null}""", """{"model_max_length":7}""", 7)]
    [InlineData("""{"max_seq_length":9}""", """{"model_max_length":7}""", 9)]
    [InlineData(null, """{"model_max_length":1000000000000000019884624838656}""", 130)]
    public async Task Texts_LongestText_IsWhatTheFilesSay(string? sentences, string? tokenizer, int expected)
    {
        using EmbedderFolder folder = new();
        if (sentences is not null)
            folder.Write("sentence_bert_config.json", sentences);
        if (tokenizer is not null)
            folder.Write("tokenizer_config.json", tokenizer);
        using WorkerPool workers = new(1);
        await using LlmEngine engine = Open(folder.Folder, workers);

        Assert.Equal(expected, engine.Encoder!.Texts.MaxTokens);
        Assert.Contains($"at most {expected}.", Refusal(engine, new int[expected + 1]).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(4)]
    [InlineData(2)]
    [InlineData(1)]
    public void Shorten_Vector_KeepsItsDirection(int width)
    {
        float[] shortened = EncoderEngine.Shorten([3, 4, 0, 12], width);

        Assert.Equal(width == 4 ? [3, 4, 0, 12] : width == 2 ? [0.6f, 0.8f] : new float[] { 1 }, shortened);
    }

    [Fact]
    public void Of_Encoder_CountsWhatALongTextTakes()
    {
        ModelConfiguration bert = ModelConfiguration.Load(TestData.Fixture("golden", "bert"));
        ModelSize size = ModelSize.Of(bert);
        WeightChoice weights = new() { Format = WeightFormat.Safetensors, Variant = "model" };
        MemoryNeed usual = MemoryNeed.Of(bert, weights, 1, null, null, 1L << 40), longer = MemoryNeed.Of(bert, weights, 1, null, 10_000, 1L << 40);

        // Eleven rows of 32 numbers: states, projections, keys and values; a half one, rounded; the scores. With exact products of whole inputs three inner states too.
        Assert.True(size.ParameterCount > 30000);
        Assert.InRange(size.CacheBytesPerToken[ComputeFormat.Q8], 4 * (11 * 32 + 18), 4 * 13 * 32);
        Assert.Equal(size.CacheBytesPerToken[ComputeFormat.F32] + 4 * 3 * bert.Encoder!.IntermediateSize, ModelSize.Of(bert, exactOnnx: true).CacheBytesPerToken[ComputeFormat.F32]);
        // A pass holds 512 tokens where texts are shorter.
        Assert.Equal((512 * size.CacheBytesPerToken[ComputeFormat.Q8], 10_000 * size.CacheBytesPerToken[ComputeFormat.Q8]), (usual.CacheBytes, longer.CacheBytes));
        Assert.True(MemoryNeed.Of(bert, weights, 1, null, 1_000_000, 1L << 30).LongestContext is > 10_000 and < 1_000_000);
    }

    private static InferenceException Refusal(LlmEngine engine, int[] ids) =>
        Assert.Throws<InferenceException>(() => { _ = engine.Encoder!.EmbedAsync([TextPreparation.Tokens(ids)], Cancellation); });

    private static EncoderText[] Work(int texts)
    {
        EncoderText text = TextPreparation.Tokens([.. Enumerable.Range(3, 120)]);
        return [.. Enumerable.Repeat(text, texts)];
    }

    // All texts together, in passes of a few tokens, within the tolerance of the golden data for normalised vectors.
    private static async Task CompareAsync(string folder, string expected)
    {
        using WorkerPool workers = new(2);
        await using LlmEngine engine = Open(folder, workers);
        JsonElement[] prompts = Prompts(folder);

        float[][] vectors = await engine.Encoder!.EmbedAsync(Texts(prompts), Cancellation);

        for (int i = 0; i < prompts.Length; i++)
        {
            float[] wanted = GoldenPrompt.Floats(prompts[i].GetProperty(expected));
            Assert.Equal(wanted.Length, vectors[i].Length);
            for (int at = 0; at < wanted.Length; at++)
                Assert.Equal(wanted[at], vectors[i][at], 1e-5f);
        }
    }

    private static JsonElement[] Prompts(string folder) => [.. JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "expected.json"))).RootElement.GetProperty("prompts").EnumerateArray()];

    private static EncoderText[] Texts(JsonElement[] prompts) => [.. prompts.Select(prompt => TextPreparation.Tokens(GoldenPrompt.First(prompt.GetProperty("input_ids"))))];

    private static LlmEngine Open(string folder, WorkerPool workers, int maxWaiting = 8) =>
        LlmEngine.Load(folder, new() { Workers = workers, SkipTokenizer = true, PrefillChunkTokens = 24, MaxRunningSequences = 1, MaxWaitingRequests = maxWaiting });
}
