using LlmService.Inference.Configuration;
using LlmService.Inference.Kernels;
using LlmService.Inference.Scheduling;
using LlmService.Tokenizers;

namespace LlmService.Inference;

public sealed class LlmEngineTests
{
    // Lives as long as the tests do.
    private static readonly WorkerPool Workers = new(2);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(0f)]
    [InlineData(1f)]
    public async Task GenerateAsync_AnyPrompt_EqualsNaiveLoopWithoutCache(float temperature)
    {
        await using LlmEngine engine = Engine(new FakeModelRunner(FakeModelRunner.Noise), options => options with { PrefillChunkTokens = 3 });
        var sampling = new SamplingParameters { Temperature = temperature, TopP = 0.9f, RepetitionPenalty = 1.2f, Seed = 5 };

        Answer answer = await Gather(engine, new GenerationRequest { PromptTokenIds = [7, 8, 9, 10, 11, 12, 13], MaxTokens = 30, Sampling = sampling });

        Assert.Equal(NaiveLoop([7, 8, 9, 10, 11, 12, 13], 30, sampling), answer.Ids);
        Assert.Equal(FinishReason.Length, answer.FinishReason);
        Assert.Equal([7, 8, 9, 10, 11, 12, 13], answer.Prompt!.Select(t => t.Id));
    }

    [Fact]
    public async Task GenerateAsync_ManyTogether_EachEqualsItsSingleRun()
    {
        GenerationRequest[] requests = [.. Enumerable.Range(0, 40).Select(i => new GenerationRequest
        {
            PromptTokenIds = [.. Enumerable.Range(0, 1 + (i * 7 % 23)).Select(n => (n * i) % 40)],
            MaxTokens = 1 + (i * 5 % 40),
            Sampling = new SamplingParameters { Temperature = i % 2, Seed = (ulong)i, TopK = i % 5 },
            Choice = i % 3,
        })];
        await using LlmEngine together = Engine(new FakeModelRunner(FakeModelRunner.Noise), o => o with { MaxRunningSequences = 16, PrefillChunkTokens = 10 });
        await using LlmEngine alone = Engine(new FakeModelRunner(FakeModelRunner.Noise));

        Answer[] answers = await Task.WhenAll(requests.Select(request => Gather(together, request)));

        for (int i = 0; i < requests.Length; i++)
            Assert.Equal((await Gather(alone, requests[i])).Ids, answers[i].Ids);
    }

    [Fact]
    public async Task GenerateAsync_LogitsOfAStepDoNotFitTogether_SameAnswersAsAlone()
    {
        const int count = 12;
        GenerationRequest[] requests = [.. Enumerable.Range(0, count).Select(i => new GenerationRequest { PromptTokenIds = [i], MaxTokens = 3 })];
        using var allAreHere = new ManualResetEventSlim();
        int mostRows = 0;
        // Logits of eight rows are larger than what is held at once.
        var runner = new FakeModelRunner(FakeModelRunner.Noise) { VocabularySize = 600_000 };
        runner.OnForward = counts =>
        {
            allAreHere.Wait(Cancellation);
            mostRows = Math.Max(mostRows, counts.Length);
        };
        await using LlmEngine together = Engine(runner, o => o with { MaxRunningSequences = count });
        await using LlmEngine alone = Engine(new FakeModelRunner(FakeModelRunner.Noise) { VocabularySize = 600_000 });

        Task<Answer>[] answers = [.. requests.Select(request => Gather(together, request))];
        allAreHere.Set();
        await Task.WhenAll(answers);

        Assert.True(mostRows > 8, $"{mostRows} rows");
        for (int i = 0; i < count; i++)
            Assert.Equal((await Gather(alone, requests[i])).Ids, (await answers[i]).Ids);
    }

    [Fact]
    public async Task GenerateAsync_OtherChoiceOrSeed_OtherText()
    {
        await using LlmEngine engine = Engine(new FakeModelRunner(FakeModelRunner.Noise));
        var request = new GenerationRequest { PromptTokenIds = [1], MaxTokens = 20, Sampling = new SamplingParameters { Temperature = 1, Seed = 1 } };

        int[] first = (await Gather(engine, request)).Ids;

        Assert.Equal(first, (await Gather(engine, request)).Ids);
        Assert.NotEqual(first, (await Gather(engine, request with { Choice = 1 })).Ids);
        Assert.NotEqual(first, (await Gather(engine, request with { Sampling = request.Sampling with { Seed = 2 } })).Ids);
        GenerationRequest unseeded = request with { Sampling = request.Sampling with { Seed = null } };
        Assert.NotEqual((await Gather(engine, unseeded)).Ids, (await Gather(engine, unseeded)).Ids);
    }

    [Fact]
    public async Task GenerateAsync_ManyCharactersOfSeveralBytes_JoinedTextEqualsWholeDecode()
    {
        Tokenizer tokenizer = ByteTokenizer.Create();
        await using LlmEngine engine = TextEngine(FakeModelRunner.Noise);
        for (int seed = 0; seed < 20; seed++)
        {
            var sampling = new SamplingParameters { Temperature = 1, Seed = (ulong)seed };
            Answer answer = await Gather(engine, new GenerationRequest { Prompt = "aé", MaxTokens = 60, Sampling = sampling, IgnoreEndTokens = true });

            Assert.Equal(tokenizer.Decode(answer.Ids, SpecialTokens.Skip), answer.Text);
            Assert.Equal([97, 0xC3, 0xA9], answer.Prompt!.Select(t => t.Id));
        }
    }

    [Theory]
    [InlineData("the end. more", "end", "the ", "end", 7)]
    [InlineData("the ende. more", "en|nd", "the ", "en", 6)]
    [InlineData("the en", "end", "the en", null, 7)]
    [InlineData("größer", "öß", "gr", "öß", 6)]
    public async Task GenerateAsync_StopText_EndsBeforeIt(string script, string stops, string text, string? stopText, int tokenCount)
    {
        await using LlmEngine engine = TextEngine(Script(script));

        Answer answer = await Gather(engine, new GenerationRequest { Prompt = "?", MaxTokens = 50, Stop = stops.Split('|') });

        Assert.Equal(text, answer.Text);
        Assert.Equal(stopText, answer.StopText);
        Assert.Equal(FinishReason.Stop, answer.FinishReason);
        Assert.Equal(tokenCount, answer.Ids.Length);
    }

    [Fact]
    public async Task GenerateAsync_EndToken_IsATokenButNoText()
    {
        await using LlmEngine engine = TextEngine(Script("ab"));

        Answer answer = await Gather(engine, new GenerationRequest { Prompt = "?", MaxTokens = 10 });

        Assert.Equal("ab", answer.Text);
        Assert.Equal([97, 98, ByteTokenizer.EndTokenId], answer.Ids);
        Assert.Equal(FinishReason.Stop, answer.FinishReason);
    }

    [Fact]
    public async Task GenerateAsync_IgnoreEndTokensAndMinTokens_GoOn()
    {
        await using LlmEngine engine = TextEngine(Script("ab"));

        Answer ignoring = await Gather(engine, new GenerationRequest { Prompt = "?", MaxTokens = 5, IgnoreEndTokens = true });
        Answer longer = await Gather(engine, new GenerationRequest { Prompt = "?", MaxTokens = 9, Sampling = new SamplingParameters { MinTokens = 4 } });

        Assert.Equal([97, 98, 256, 256, 256], ignoring.Ids);
        Assert.Equal(FinishReason.Length, ignoring.FinishReason);
        Assert.Equal(5, longer.Ids.Length);
        Assert.DoesNotContain(ByteTokenizer.EndTokenId, longer.Ids[..4]);
        Assert.Equal(FinishReason.Stop, longer.FinishReason);
    }

    [Fact]
    public async Task GenerateAsync_NoTokenizer_TokensAreWrittenAsIds()
    {
        await using LlmEngine engine = Engine(new FakeModelRunner(FakeModelRunner.Noise));

        Answer answer = await Gather(engine, new GenerationRequest { PromptTokenIds = [1], MaxTokens = 3 });

        Assert.Equal(string.Concat(answer.Ids.Select(id => $"token_id:{id}")), answer.Text);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task GenerateAsync_UnlikeRequestsInOneStep_EachAnswersAsAlone(bool withBeams)
    {
        List<GenerationRequest> requests =
        [
            new() { PromptTokenIds = [1, 2], MaxTokens = 9 },
            new() { PromptTokenIds = [3], MaxTokens = 9, Sampling = new() { Temperature = 1, TopP = 0.8f, Seed = 4 } },
            new() { PromptTokenIds = [4, 5, 6], MaxTokens = 0, LogProbabilities = 2, PromptLogProbabilities = true },
            new() { PromptTokenIds = [7, 8, 9, 1], MaxTokens = 3, LogProbabilities = 1, PromptLogProbabilities = true },
            new() { PromptTokenIds = [9, 9], MaxTokens = 0 },
        ];
        if (withBeams)
            requests.Insert(2, new() { PromptTokenIds = [5], MaxTokens = 6, Sampling = new() { NumBeams = 3 } });
        await using LlmEngine engine = LlmEngine.Load(TestData.Fixture("golden", "llama-gqa"), new EngineOptions { Workers = Workers, SkipTokenizer = true });

        Task<Answer>[] together = [.. requests.Select(request => Gather(engine, request))];
        Answer[] answers = await Task.WhenAll(together);

        for (int i = 0; i < requests.Count; i++)
        {
            Answer answer = answers[i], expected = await Gather(engine, requests[i]);
            Assert.Equal(expected.Ids, answer.Ids);
            Assert.Equal(expected.FinishReason, answer.FinishReason);
            Assert.Equal(expected.Prompt?.Select(token => (token.Id, token.LogProbability)), answer.Prompt?.Select(token => (token.Id, token.LogProbability)));
        }
    }

    [Theory]
    [InlineData(512)]
    [InlineData(4)]
    [InlineData(1)]
    public async Task GenerateAsync_PromptLogProbabilities_SameOverAnyChunks(int chunk)
    {
        await using LlmEngine engine = Engine(new FakeModelRunner(FakeModelRunner.Noise), o => o with { PrefillChunkTokens = chunk });
        int[] prompt = [3, 1, 4, 1, 5, 9, 2, 6];

        Answer answer = await Gather(engine, new GenerationRequest { PromptTokenIds = prompt, MaxTokens = 0, LogProbabilities = 2, PromptLogProbabilities = true });

        Assert.Empty(answer.Ids);
        Assert.Equal(FinishReason.Length, answer.FinishReason);
        Assert.Equal(prompt, answer.Prompt!.Select(t => t.Id));
        Assert.Null(answer.Prompt![0].LogProbability);
        for (int i = 1; i < prompt.Length; i++)
        {
            float[] logits = new float[40];
            FakeModelRunner.Noise(prompt[..i], logits);
            double sum = logits.Sum(l => Math.Exp(l));
            Assert.Equal(logits[prompt[i]] - Math.Log(sum), answer.Prompt[i].LogProbability!.Value, 1e-5);
            Assert.Equal(logits.Index().OrderByDescending(l => l.Item).Take(2).Select(l => l.Index), answer.Prompt[i].Alternatives.Select(a => a.Id));
        }
    }

    [Fact]
    public async Task GenerateAsync_LogProbabilities_OfTheRawLogits()
    {
        await using LlmEngine engine = Engine(new FakeModelRunner(FakeModelRunner.Noise));
        var sampling = new SamplingParameters { LogitBias = new Dictionary<int, float> { [5] = 100 } };

        Answer answer = await Gather(engine, new GenerationRequest { PromptTokenIds = [2], MaxTokens = 1, LogProbabilities = 1, Sampling = sampling });

        float[] logits = new float[40];
        FakeModelRunner.Noise([2], logits);
        Assert.Equal(5, answer.Ids[0]);
        Assert.Equal(logits[5] - Math.Log(logits.Sum(l => Math.Exp(l))), answer.Tokens[0].LogProbability!.Value, 1e-5);
        Assert.Equal(logits.IndexOf(logits.Max()), answer.Tokens[0].Alternatives[0].Id);
    }

    [Fact]
    public async Task GenerateAsync_EncoderDecoder_StartTokenIsNeitherReturnedNorCounted()
    {
        await using LlmEngine engine = Engine(new FakeModelRunner(FakeModelRunner.Noise) { IsEncoderDecoder = true, ContextLength = 20, PromptLength = 5 });

        Answer answer = await Gather(engine, new GenerationRequest { PromptTokenIds = [4, 5, 6], PromptLogProbabilities = true, LogProbabilities = 1 });
        Answer prompt = await Gather(engine, new GenerationRequest { PromptTokenIds = [4, 5, 6], MaxTokens = 0 });

        float[] logits = new float[40];
        FakeModelRunner.Noise([4, 5, 6, -1, 0], logits);
        Assert.Equal(logits.IndexOf(logits.Max()), answer.Ids[0]);
        Assert.Equal(20, answer.Ids.Length);
        Assert.Equal([4, 5, 6], answer.Prompt!.Select(t => t.Id));
        Assert.All(answer.Prompt!, token => Assert.Null(token.LogProbability));
        Assert.Empty(prompt.Ids);
        Assert.Equal(InferenceFailure.ContextLengthExceeded, Refusal(engine, new GenerationRequest { PromptTokenIds = [1, 1, 1, 1, 1, 1] }).Failure);
        Assert.Equal(InferenceFailure.ContextLengthExceeded, Refusal(engine, new GenerationRequest { PromptTokenIds = [1], MaxTokens = 21 }).Failure);
    }

    [Fact]
    public async Task GenerateAsync_ContextLimits_RefusedWithCounts()
    {
        await using LlmEngine engine = Engine(new FakeModelRunner(FakeModelRunner.Noise) { ContextLength = 16 });
        int[] prompt = [.. Enumerable.Repeat(1, 10)];

        Assert.Equal(6, (await Gather(engine, new GenerationRequest { PromptTokenIds = prompt })).Ids.Length);
        Assert.Equal(6, (await Gather(engine, new GenerationRequest { PromptTokenIds = prompt, MaxTokens = 6 })).Ids.Length);
        InferenceException refusal = Refusal(engine, new GenerationRequest { PromptTokenIds = prompt, MaxTokens = 7 });
        Assert.Equal(InferenceFailure.ContextLengthExceeded, refusal.Failure);
        Assert.Equal("The request has 10 prompt tokens and max_tokens 7, but the model's context has 16 tokens for prompt and answer together.", refusal.Message);
        int[] full = [.. Enumerable.Repeat(1, 16)];
        Assert.Equal(InferenceFailure.ContextLengthExceeded, Refusal(engine, new GenerationRequest { PromptTokenIds = full }).Failure);
        Assert.Empty((await Gather(engine, new GenerationRequest { PromptTokenIds = full, MaxTokens = 0 })).Ids);
    }

    /// <summary>Megabytes of text are refused by their beginning: all their tokens would take a hundred times as much.</summary>
    [Fact]
    public async Task GenerateAsync_TextFarBeyondTheContext_IsRefusedWithoutTokenizingAllOfIt()
    {
        await using LlmEngine engine = TextEngine(FakeModelRunner.Noise);
        GenerationRequest far = new() { Prompt = string.Concat(Enumerable.Repeat("word ", 1_000_000)) }, near = new() { Prompt = new string('a', 300) };
        Assert.Equal("The request has 300 prompt tokens, but the model's context has 256 tokens for prompt and answer together.", Refusal(engine, near).Message);

        long before = GC.GetAllocatedBytesForCurrentThread();
        InferenceException refusal = Refusal(engine, far);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        Assert.Equal((InferenceFailure.ContextLengthExceeded, "prompt"), (refusal.Failure, refusal.Field));
        Assert.Equal("The request has more than 256 prompt tokens, but the model's context has 256 tokens for prompt and answer together.", refusal.Message);
        Assert.True(allocated < 20_000_000, $"{allocated} bytes were allocated.");
        Assert.Equal(refusal.Message, Assert.Throws<InferenceException>(() => engine.RequireRoom(far.Prompt)).Message);
        engine.RequireRoom(near.Prompt);
    }

    public static TheoryData<string, GenerationRequest> Mistakes()
    {
        var valid = new GenerationRequest { PromptTokenIds = [1] };
        var data = new TheoryData<string, GenerationRequest>
        {
            { "prompt", new GenerationRequest() },
            { "prompt", new GenerationRequest { Prompt = "a", PromptTokenIds = [1] } },
            { "prompt", new GenerationRequest { Prompt = "a" } },
            { "prompt", new GenerationRequest { PromptTokenIds = [] } },
            { "prompt", new GenerationRequest { PromptTokenIds = [40] } },
            { "prompt", new GenerationRequest { PromptTokenIds = [-1] } },
            { "max_tokens", valid with { MaxTokens = -1 } },
            { "logprobs", valid with { LogProbabilities = 21 } },
            { "stop", valid with { Stop = [""] } },
            { "stop", valid with { Stop = ["a"] } },
        };
        foreach ((string field, SamplingParameters sampling) in new (string, SamplingParameters)[]
        {
            ("temperature", new() { Temperature = -1 }),
            ("temperature", new() { Temperature = float.NaN }),
            ("top_k", new() { TopK = -2 }),
            ("top_p", new() { TopP = 0 }),
            ("top_p", new() { TopP = float.NaN }),
            ("min_p", new() { MinP = 1.5f }),
            ("repetition_penalty", new() { RepetitionPenalty = 0 }),
            ("presence_penalty", new() { PresencePenalty = 3 }),
            ("frequency_penalty", new() { FrequencyPenalty = -3 }),
            ("min_tokens", new() { MinTokens = -1 }),
            ("min_tokens", new() { MinTokens = 300 }),
            ("logit_bias", new() { LogitBias = new Dictionary<int, float> { [40] = 1 } }),
            ("logit_bias", new() { LogitBias = new Dictionary<int, float> { [1] = float.PositiveInfinity } }),
        })
        {
            data.Add(field, valid with { Sampling = sampling });
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Mistakes), DisableDiscoveryEnumeration = true)]
    public async Task GenerateAsync_Mistake_InvalidRequestNamesTheField(string field, GenerationRequest request)
    {
        await using LlmEngine engine = Engine(new FakeModelRunner(FakeModelRunner.Noise));

        InferenceException refusal = Refusal(engine, request);

        Assert.Equal(InferenceFailure.InvalidRequest, refusal.Failure);
        Assert.Equal(field, refusal.Field);
    }

    [Fact]
    public async Task GenerateAsync_NeverFitsTheCache_OutOfMemoryAtOnce()
    {
        await using LlmEngine engine = Engine(new FakeModelRunner(FakeModelRunner.Noise) { CacheBytes = 2048 });

        Assert.Equal(InferenceFailure.OutOfMemory, Refusal(engine, new GenerationRequest { PromptTokenIds = [1], MaxTokens = 250 }).Failure);
        Assert.Equal(10, (await Gather(engine, new GenerationRequest { PromptTokenIds = [1], MaxTokens = 10 })).Ids.Length);
    }

    [Fact]
    public async Task GenerateAsync_CacheFull_WaitsItsTurn()
    {
        // One sequence fills the cache; the others wait, and every one ends as if alone.
        var runner = new FakeModelRunner(FakeModelRunner.Noise) { CacheBytes = 2048 };
        int widest = 0;
        runner.OnForward = counts => widest = Math.Max(widest, counts.Length);
        await using LlmEngine engine = Engine(runner);

        Answer[] answers = await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => Gather(engine, new GenerationRequest { PromptTokenIds = [1], MaxTokens = 40 })));

        Assert.All(answers, answer => Assert.Equal(answers[0].Ids, answer.Ids));
        Assert.Equal(40, answers[0].Ids.Length);
        Assert.Equal(1, widest);
    }

    [Fact]
    public async Task GenerateAsync_QueueFull_RefusedAtOnce()
    {
        using var gate = new SemaphoreSlim(0);
        var runner = new FakeModelRunner(FakeModelRunner.Noise) { OnForward = _ => gate.Wait(Cancellation) };
        await using LlmEngine engine = Engine(runner, o => o with { MaxRunningSequences = 1, MaxWaitingRequests = 2 });
        var request = new GenerationRequest { PromptTokenIds = [1], MaxTokens = 3 };

        Task<Answer>[] accepted = [Gather(engine, request), Gather(engine, request), Gather(engine, request)];
        Assert.Equal(InferenceFailure.QueueFull, Refusal(engine, request).Failure);
        gate.Release(9);
        Answer[] answers = await Task.WhenAll(accepted);

        Assert.All(answers, answer => Assert.Equal(3, answer.Ids.Length));
        gate.Release(3);
        Assert.Equal(3, (await Gather(engine, request)).Ids.Length);
        Assert.Equal((0, 0), (engine.RunningSequences, engine.WaitingRequests));
    }

    [Fact]
    public async Task GenerateAsync_FiftyReadersHangUp_PlacesAndCacheAreFree()
    {
        var runner = new FakeModelRunner(FakeModelRunner.Noise) { ContextLength = 5000 };
        await using LlmEngine engine = Engine(runner);
        var request = new GenerationRequest { PromptTokenIds = [1, 2, 3], MaxTokens = 4000 };

        await Task.WhenAll(Enumerable.Range(0, 50).Select(async i =>
        {
            int tokens = 0;
            await foreach (GenerationUpdate update in engine.GenerateAsync(request, Cancellation))
            {
                tokens += update.Tokens.Count;
                if (tokens > i % 7)
                    break;
            }
        }));

        // The engine sees this request after the hang-ups: when it is answered, they are gone.
        await Gather(engine, request with { MaxTokens = 2 });
        Assert.Equal((0, 0), (engine.RunningSequences, engine.WaitingRequests));
        await engine.DisposeAsync();
        Assert.Equal(0, runner.Cache.UsedBytes);
    }

    [Fact]
    public async Task GenerateAsync_TokenCancelled_EnumerationThrowsAndCacheIsFree()
    {
        using var source = new CancellationTokenSource();
        var runner = new FakeModelRunner(FakeModelRunner.Noise) { ContextLength = 5000 };
        await using LlmEngine engine = Engine(runner);
        var request = new GenerationRequest { PromptTokenIds = [1], MaxTokens = 4000 };

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (GenerationUpdate update in engine.GenerateAsync(request, source.Token))
                await source.CancelAsync();
        });

        await Gather(engine, request with { MaxTokens = 1 });
        Assert.Equal(0, engine.RunningSequences);
        await engine.DisposeAsync();
        Assert.Equal(0, runner.Cache.UsedBytes);
    }

    [Fact]
    public async Task GenerateAsync_StepFails_ItsSequencesFailAndTheEngineGoesOn()
    {
        int step = 0;
        var runner = new FakeModelRunner(FakeModelRunner.Noise)
        {
            OnForward = _ =>
            {
                if (++step == 3)
                    throw new InvalidOperationException("third step");
            },
        };
        await using LlmEngine engine = Engine(runner);
        var request = new GenerationRequest { PromptTokenIds = [1], MaxTokens = 5 };

        InvalidOperationException failure = await Assert.ThrowsAsync<InvalidOperationException>(() => Gather(engine, request));

        Assert.Equal("third step", failure.Message);
        Assert.Equal(5, (await Gather(engine, request)).Ids.Length);
        Assert.Equal(0, engine.RunningSequences);
        await engine.DisposeAsync();
        Assert.Equal(0, runner.Cache.UsedBytes);
    }

    [Fact]
    public async Task GenerateAsync_OneRowNotANumber_OnlyThatSequenceFails()
    {
        await using LlmEngine engine = Engine(new FakeModelRunner((history, logits) =>
        {
            FakeModelRunner.Noise(history, logits);
            if (history[0] == 13 && history.Count == 5)
                logits[3] = float.NaN;
        }));

        Task<Answer> bad = Gather(engine, new GenerationRequest { PromptTokenIds = [13], MaxTokens = 20 });
        Task<Answer> good = Gather(engine, new GenerationRequest { PromptTokenIds = [14], MaxTokens = 20 });

        Assert.Equal(InferenceFailure.CorruptModel, (await Assert.ThrowsAsync<InferenceException>(() => bad)).Failure);
        Assert.Equal(20, (await good).Ids.Length);
    }

    [Fact]
    public async Task DisposeAsync_EnumerationsInFlight_GetAnException()
    {
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var runner = new FakeModelRunner(FakeModelRunner.Noise) { ContextLength = 1 << 20, CacheBytes = 1L << 40, OnForward = _ => started.TrySetResult() };
        LlmEngine engine = Engine(runner, o => o with { MaxRunningSequences = 2 });
        var request = new GenerationRequest { PromptTokenIds = [1], MaxTokens = 1 << 18 };
        Task<Answer>[] tasks = [.. Enumerable.Range(0, 4).Select(_ => Gather(engine, request))];
        await started.Task;

        await engine.DisposeAsync();
        await engine.DisposeAsync();

        foreach (Task<Answer> task in tasks)
            await Assert.ThrowsAsync<ObjectDisposedException>(() => task);
        Assert.Throws<ObjectDisposedException>(() => engine.GenerateAsync(request, Cancellation));
        Assert.True(runner.IsDisposed);
        Assert.Equal(0, runner.Cache.UsedBytes);
    }

    [Fact]
    public async Task GenerateAsync_EnumeratedTwice_InvalidOperation()
    {
        await using LlmEngine engine = Engine(new FakeModelRunner(FakeModelRunner.Noise));
        IAsyncEnumerable<GenerationUpdate> updates = engine.GenerateAsync(new GenerationRequest { PromptTokenIds = [1], MaxTokens = 2 }, Cancellation);

        Assert.Equal(2, await updates.CountAsync(Cancellation));
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await updates.CountAsync(Cancellation));
    }

    [Fact]
    public async Task GenerateAsync_LongPrompt_DecodingGoesOnBesideItsChunks()
    {
        var steps = new List<int[]>();
        var runner = new FakeModelRunner(FakeModelRunner.Noise) { OnForward = steps.Add };
        await using LlmEngine engine = Engine(runner, o => o with { PrefillChunkTokens = 10 });
        await using IAsyncEnumerator<GenerationUpdate> first =
            engine.GenerateAsync(new GenerationRequest { PromptTokenIds = [1], MaxTokens = 200 }, Cancellation).GetAsyncEnumerator(Cancellation);
        await first.MoveNextAsync();

        await Gather(engine, new GenerationRequest { PromptTokenIds = [.. Enumerable.Repeat(2, 35)], MaxTokens = 1 });
        await engine.DisposeAsync();

        Assert.All(steps, counts => Assert.True(counts.Sum() <= 11));
    }

    [Fact]
    public async Task GenerateAsync_EncodersOfOthers_APauseIsNotMuchLongerThanUsual()
    {
        GenerationRequest[] later = [.. Enumerable.Range(1, 8).Select(id => new GenerationRequest { PromptTokenIds = [id], MaxTokens = 40 })];
        var clock = new ManualClock();
        using var submitted = new ManualResetEventSlim();
        using var running = new SemaphoreSlim(0);
        List<double> pauses = [];
        TimeSpan last = default;
        FakeModelRunner runner = NewRunner();
        runner.OnEncodePart = () => clock.Advance(2);
        runner.OnForward = counts =>
        {
            if (last != default)
                pauses.Add((clock.Elapsed - last).TotalMilliseconds);
            // The first step of a text is its prompt's; the next one tells what a step takes.
            clock.Advance(4 * counts.Length);
            last = clock.Elapsed;
            running.Release();
            if (running.CurrentCount == 3)
                submitted.Wait(Cancellation);
        };
        await using LlmEngine engine = Engine(runner, o => o with { TimeProvider = clock });
        await using LlmEngine alone = Engine(NewRunner());

        Task<Answer> first = Gather(engine, new GenerationRequest { PromptTokenIds = [9], MaxTokens = 200 });
        while (running.CurrentCount < 3)
            await Task.Yield();
        Task<Answer>[] others = [.. later.Select(request => Gather(engine, request))];
        submitted.Set();
        Answer[] answers = await Task.WhenAll(others);
        await first;

        // 20 ms and a part beside a few texts of 4 ms each, then one and a quarter of the step of up to 9. All of it together is what 8 encoders take.
        double[] delays = [.. pauses.Where(pause => pause > 0)];
        Assert.Equal(8 * 20 * 2, delays.Sum(), 0.001);
        Assert.Equal(20, delays[0], 0.001);
        Assert.All(delays, delay => Assert.InRange(delay, 20, 36));
        for (int i = 0; i < later.Length; i++)
            Assert.Equal((await Gather(alone, later[i])).Ids, answers[i].Ids);

        static FakeModelRunner NewRunner() => new(FakeModelRunner.Noise) { IsEncoderDecoder = true, EncoderParts = 20 };
    }

    [Fact]
    public async Task Rest_NoRequestForAWhile_GivesBuffersUpAndGoesOn()
    {
        TaskCompletionSource released = new(TaskCreationOptions.RunContinuationsAsynchronously);
        var runner = new FakeModelRunner(FakeModelRunner.Noise);
        await using LlmEngine engine = Engine(runner, o => o with { TimeProvider = new ManualClock() });
        var request = new GenerationRequest { PromptTokenIds = [1, 2], MaxTokens = 20 };
        int[] before = (await Gather(engine, request)).Ids;

        runner.OnReleaseBuffers = released.SetResult;
        await Gather(engine, request);
        await released.Task.WaitAsync(Cancellation);
        runner.OnReleaseBuffers = null;

        Assert.Equal(before, (await Gather(engine, request)).Ids);
    }

    [Fact]
    public async Task DefaultSampling_GenerationConfig_AsTheReferenceReadsIt()
    {
        await using LlmEngine greedy = Engine(new FakeModelRunner(FakeModelRunner.Noise), null, new GenerationConfiguration { Sampling = new() { Temperature = 0.6f, TopK = 50, RepetitionPenalty = 1.1f } });
        await using LlmEngine sampling = Engine(new FakeModelRunner(FakeModelRunner.Noise), null, new GenerationConfiguration { DoSample = true, Sampling = new() { Temperature = 1, TopK = 50, TopP = 0.8f } });

        Assert.Equal((0, 0, 1.1f), (greedy.DefaultSampling.Temperature, greedy.DefaultSampling.TopK, greedy.DefaultSampling.RepetitionPenalty));
        Assert.Equal((1, 50, 0.8f), (sampling.DefaultSampling.Temperature, sampling.DefaultSampling.TopK, sampling.DefaultSampling.TopP));
    }

    private static LlmEngine Engine(FakeModelRunner runner, Func<EngineOptions, EngineOptions>? change = null, GenerationConfiguration? generation = null)
    {
        var options = new EngineOptions { Workers = Workers };
        return new LlmEngine(runner, null, new TokenizerConfig(), generation ?? new GenerationConfiguration(), change?.Invoke(options) ?? options);
    }

    private static LlmEngine TextEngine(Action<IReadOnlyList<int>, Span<float>> score) => new(
        new FakeModelRunner(score) { VocabularySize = ByteTokenizer.VocabularySize },
        ByteTokenizer.Create(),
        new TokenizerConfig(),
        new GenerationConfiguration { EndTokenIds = [ByteTokenizer.EndTokenId] },
        new EngineOptions { Workers = Workers });

    /// <summary>Says a text after a prompt of one token, then the end token again and again.</summary>
    private static Action<IReadOnlyList<int>, Span<float>> Script(string text)
    {
        byte[] bytes = System.Text.Encoding.UTF8.GetBytes(text);
        return (history, logits) =>
        {
            logits.Clear();
            logits[history.Count <= bytes.Length ? bytes[history.Count - 1] : ByteTokenizer.EndTokenId] = 1;
        };
    }

    private static int[] NaiveLoop(int[] prompt, int count, SamplingParameters parameters)
    {
        var sampler = new Sampling.Sampler(parameters, new Sampling.AnswerLimits(), parameters.Seed!.Value, 0);
        List<int> ids = [.. prompt];
        float[] logits = new float[40];
        for (int i = 0; i < count; i++)
        {
            FakeModelRunner.Noise(ids, logits);
            ids.Add(sampler.Next(logits, new Sampling.TokenHistory(ids.ToArray(), prompt.Length)));
        }

        return [.. ids.Skip(prompt.Length)];
    }

    private static InferenceException Refusal(LlmEngine engine, GenerationRequest request) =>
        Assert.Throws<InferenceException>(() => { engine.GenerateAsync(request, Cancellation); });

    private static Task<Answer> Gather(LlmEngine engine, GenerationRequest request) => Answer.GatherAsync(engine, request, Cancellation);
}
