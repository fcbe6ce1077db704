using LlmService.Inference.Configuration;
using LlmService.Inference.Execution;
using LlmService.Inference.Kernels;
using LlmService.Inference.Sampling;
using LlmService.Inference.Scheduling;
using LlmService.Inference.Tests.Architectures;
using LlmService.Tokenizers;

namespace LlmService.Inference;

/// <summary>Beam search in the engine: its caches, its place among other requests, its end.</summary>
public sealed class BeamSearchTests
{
    private static readonly SamplingParameters Four = new() { NumBeams = 4, EarlyStopping = EarlyStopping.Never };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("llama-gqa")]
    [InlineData("mistral-sliding")]
    [InlineData("lfm2")]
    [InlineData("gemma2")]
    [InlineData("phi3-longrope")]
    [InlineData("flan-t5")]
    [InlineData("marian")]
    public async Task GenerateAsync_SharedBlocks_AsIfEveryBeamWereComputedAnew(string name)
    {
        string folder = Directory.Exists(TestData.Fixture("golden", name)) ? TestData.Fixture("golden", name) : TestData.Shared("golden", name);
        using GoldenCase golden = GoldenCase.Open(folder);
        // After a prompt shorter than its convolution, the reference computes lfm2 in another way step by step than whole.
        int[][] prompts = [.. golden.Prompts.Select(prompt => prompt.InputIds).Where(prompt => prompt.Length > 3)];
        const int length = 40;
        var expected = prompts.Select(prompt => Naive(golden, prompt, length)).ToArray();
        using var workers = new WorkerPool(2);
        await using LlmEngine engine = LlmEngine.Load(folder, new EngineOptions { Workers = workers, SkipTokenizer = true, PrefillChunkTokens = 16 });

        List<GenerationUpdate>[] answers = await Task.WhenAll(prompts.Select(prompt => GatherAsync(engine, new() { PromptTokenIds = prompt, MaxTokens = length, Sampling = Four, Answers = 4, IgnoreEndTokens = true })));

        for (int i = 0; i < prompts.Length; i++)
        {
            Assert.Equal(expected[i].Select(a => string.Join(' ', a.Tokens.Select(t => t.Id))), answers[i].Select(a => string.Join(' ', a.Tokens.Select(t => t.Id))));
            Assert.Equal(expected[i].Select(a => a.Score), answers[i].Select(a => a.Score!.Value));
        }
    }

    [Fact]
    public void Fork_Writing_CopiesOnlyTheBlockThatIsWritten()
    {
        var cache = new KvCache([new(CacheKind.Full, 1), new(CacheKind.State, 3), new(CacheKind.Cross, 1)], 1 << 20);
        SequenceCache parent = cache.Open();
        Assert.True(parent.TryReserve(64, new Branching(2, 20)));
        Assert.True(parent.TryReserveCross(5));
        parent.PrepareCross(5);
        parent.Prepare(0, 20);
        parent.BlocksOf(0)[1]![3] = 7;
        parent.BlocksOf(1)[0]![0] = 5;

        SequenceCache child = parent.Fork();
        child.Prepare(20, 1);

        Assert.Same(parent.BlocksOf(0)[0], child.BlocksOf(0)[0]);
        Assert.Same(parent.BlocksOf(2)[0], child.BlocksOf(2)[0]);
        Assert.NotSame(parent.BlocksOf(0)[1], child.BlocksOf(0)[1]);
        Assert.NotSame(parent.BlocksOf(1)[0], child.BlocksOf(1)[0]);
        Assert.Equal((7, 5), (child.BlocksOf(0)[1]![3], child.BlocksOf(1)[0]![0]));

        // The one that stays alone with a block writes into it.
        float[] own = parent.BlocksOf(0)[1]!;
        parent.Prepare(20, 1);
        Assert.Same(own, parent.BlocksOf(0)[1]);
    }

    [Fact]
    public void Dispose_ParentFirst_TheRoomIsFreeWhenTheLastBranchIsGone()
    {
        var cache = new KvCache([new(CacheKind.Full, 1)], 1 << 20);
        SequenceCache parent = cache.Open();
        Assert.True(parent.TryReserve(64, new Branching(3, 32)));
        Assert.Equal((2 + (3 * 2)) * KvCache.BlockPositions * sizeof(float), cache.UsedBytes);
        parent.Prepare(0, 32);
        SequenceCache child = parent.Fork();

        float[] common = parent.BlocksOf(0)[0]!;
        parent.Dispose();
        Assert.Same(common, child.BlocksOf(0)[0]);
        Assert.NotEqual(0, cache.UsedBytes);

        // A block that another sequence gets is not one that the child still reads.
        SequenceCache other = cache.Open();
        Assert.True(other.TryReserve(16));
        other.Prepare(0, 16);
        Assert.NotSame(common, other.BlocksOf(0)[0]);
        other.Dispose();
        child.Dispose();
        Assert.Equal(0, cache.UsedBytes);
    }

    [Fact]
    public async Task GenerateAsync_Cancelled_GivesEverythingBack()
    {
        using var workers = new WorkerPool(1);
        using GoldenCase golden = GoldenCase.Open(TestData.Fixture("golden", "llama-gqa"));
        await using LlmEngine engine = LlmEngine.Load(TestData.Fixture("golden", "llama-gqa"), new EngineOptions { Workers = workers, SkipTokenizer = true });
        using var cancellation = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        Task<List<GenerationUpdate>> search = GatherAsync(engine, new() { PromptTokenIds = [5, 6, 7], MaxTokens = 100, Sampling = Four, IgnoreEndTokens = true }, cancellation.Token);

        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => search);
        await GatherAsync(engine, new() { PromptTokenIds = [5], MaxTokens = 2, Sampling = Four });

        Assert.Equal((0, 0), (engine.RunningSequences, engine.WaitingRequests));
    }

    [Fact]
    public async Task GenerateAsync_BesideAndAlone_SameAnswers()
    {
        using var workers = new WorkerPool(2);
        await using LlmEngine engine = LlmEngine.Load(TestData.Fixture("golden", "llama-gqa"), new EngineOptions { Workers = workers, SkipTokenizer = true, MaxRunningSequences = 6 });
        GenerationRequest beams = new() { PromptTokenIds = [9, 8, 7, 6], MaxTokens = 20, Sampling = Four, Answers = 2, LogProbabilities = 1 };
        GenerationRequest greedy = beams with { Sampling = new(), Answers = 1 };
        List<GenerationUpdate> alone = await GatherAsync(engine, beams);
        int[] aloneGreedy = (await Answer.GatherAsync(engine, greedy, Cancellation)).Ids;

        Task<List<GenerationUpdate>> first = GatherAsync(engine, beams), second = GatherAsync(engine, beams);
        Answer beside = await Answer.GatherAsync(engine, greedy, Cancellation);

        Assert.Equal(aloneGreedy, beside.Ids);
        foreach (List<GenerationUpdate> answers in new[] { await first, await second })
        {
            Assert.Equal(alone.Select(a => a.Score), answers.Select(a => a.Score));
            Assert.All(answers, answer => Assert.Equal(answer.Score!.Value, answer.Tokens.Sum(t => t.LogProbability!.Value) / answer.Tokens.Count, 1e-4));
            Assert.All(answers, answer => Assert.All(answer.Tokens, token => Assert.Single(token.Alternatives)));
            Assert.All(answers, answer => Assert.Equal([9, 8, 7, 6], answer.PromptTokens!.Select(t => t.Id)));
        }
    }

    [Fact]
    public async Task GenerateAsync_StopText_CutsEachAnswer()
    {
        using WorkerPool workers = new(2);
        await using LlmEngine engine = new(
            new ScoredRunner(), ByteTokenizer.Create(), new TokenizerConfig(), new GenerationConfiguration(), new EngineOptions { Workers = workers });

        List<GenerationUpdate> answers = await GatherAsync(engine, new() { Prompt = "x", MaxTokens = 4, Sampling = Four, Answers = 1, Stop = ["c"] });

        Assert.Equal(("ab", FinishReason.Stop, "c", 3), (answers[0].Text, answers[0].FinishReason!.Value, answers[0].StopText, answers[0].Tokens.Count));
    }

    [Fact]
    public async Task GenerateAsync_HardlyAnyTokenPossible_AsManyAnswersAsAskedFor()
    {
        using var workers = new WorkerPool(1);
        await using LlmEngine engine = LlmEngine.Load(TestData.Fixture("golden", "flan-t5"), new EngineOptions { Workers = workers, SkipTokenizer = true });
        SamplingParameters forced = Four with { ForcedBosTokenId = 9, ForcedEosTokenIds = [1] };

        List<GenerationUpdate> answers = await GatherAsync(engine, new() { PromptTokenIds = [5, 1], MaxTokens = 2, Sampling = forced, Answers = 3 });

        Assert.Equal(3, answers.Count);
        Assert.All(answers, answer => Assert.Equal([9, 1], answer.Tokens.Select(t => t.Id)));
    }

    [Theory]
    [InlineData(4, 5, 0f, "n")]
    [InlineData(1, 2, 0f, "n")]
    [InlineData(65, 1, 0f, "num_beams")]
    [InlineData(2, 1, 0.7f, "num_beams")]
    public async Task GenerateAsync_WhatIsNotBuilt_IsRefusedByName(int beams, int answers, float temperature, string field)
    {
        using var workers = new WorkerPool(1);
        await using LlmEngine engine = LlmEngine.Load(TestData.Fixture("golden", "llama-gqa"), new EngineOptions { Workers = workers, SkipTokenizer = true });

        InferenceException exception = Assert.Throws<InferenceException>(() =>
        {
            engine.GenerateAsync(
            new() { PromptTokenIds = [5], Sampling = new() { NumBeams = beams, Temperature = temperature }, Answers = answers }, Cancellation);
        });

        Assert.Equal((InferenceFailure.InvalidRequest, field), (exception.Failure, exception.Field));
    }

    [Fact]
    public async Task GenerateAsync_NoTokenAsked_OnlyThePrompt()
    {
        using var workers = new WorkerPool(1);
        await using LlmEngine engine = LlmEngine.Load(TestData.Fixture("golden", "llama-gqa"), new EngineOptions { Workers = workers, SkipTokenizer = true });

        List<GenerationUpdate> answers = await GatherAsync(engine, new() { PromptTokenIds = [5, 6], MaxTokens = 0, Sampling = Four, LogProbabilities = 0, PromptLogProbabilities = true });

        Assert.Equal(2, Assert.Single(answers).PromptTokens!.Count);
        Assert.NotNull(answers[0].PromptTokens![1].LogProbability);
    }

    /// <summary>Every beam is read from its first token in a cache of its own, in every step.</summary>
    private static List<BeamAnswer> Naive(GoldenCase golden, int[] prompt, int length)
    {
        int[] first = golden.Runner.Model.IsEncoderDecoder ? [golden.Runner.Model.DecoderStartTokenId] : prompt;
        var search = new BeamSearch(Four, new AnswerLimits { PromptIds = prompt, MaxTokens = length }, null);
        List<int[]> beams = [first];
        while (true)
        {
            float[] logits = [.. beams.SelectMany(ids => Logits(golden, prompt, ids))];
            List<BeamStep> steps = search.Step([.. beams.Select(ids => new Branch(ids, 0))], first.Length, logits);
            if (steps.Count == 0)
                return search.Answers(4);
            beams = [.. steps.Select(step => (int[])[.. beams[step.Parent], step.TokenId])];
        }
    }

    private static float[] Logits(GoldenCase golden, int[] prompt, int[] ids)
    {
        using SequenceCache cache = golden.Runner.Cache.Open();
        Assert.True(cache.TryReserve(ids.Length));
        if (golden.Runner.Model.IsEncoderDecoder)
        {
            Assert.True(cache.TryReserveCross(prompt.Length));
            golden.Runner.Encode([new(prompt, cache)]);
        }

        float[] logits = new float[golden.Vocabulary];
        golden.Runner.Forward([new(ids, 0, cache, 1)], logits);
        return logits;
    }

    private static async Task<List<GenerationUpdate>> GatherAsync(LlmEngine engine, GenerationRequest request, CancellationToken? cancellation = null)
    {
        List<GenerationUpdate> updates = [];
        await foreach (GenerationUpdate update in engine.GenerateAsync(request, cancellation ?? Cancellation))
            updates.Add(update);
        return updates;
    }

    /// <summary>Likes best the character after the last one.</summary>
    private sealed class ScoredRunner : ModelRunner
    {
        public override ModelDescription Model => new() { Architecture = "fake", VocabularySize = ByteTokenizer.VocabularySize, ContextLength = 64, PromptLength = 64 };

        public override KvCache Cache { get; } = new([new(CacheKind.Full, 1)], 1 << 20);

        public override void Forward(ReadOnlySpan<BatchRow> rows, Memory<float> logits)
        {
            foreach (BatchRow row in rows)
            {
                int last = row.TokenIds.Span[^1];
                logits.Span[..Model.VocabularySize].Clear();
                logits.Span[last == 'x' ? 'a' : (last + 1) % 256] = 5;
                logits = logits[Model.VocabularySize..];
            }
        }

        public override void Dispose()
        {
        }
    }
}
