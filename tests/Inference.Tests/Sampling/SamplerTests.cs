namespace LlmService.Inference.Sampling;

public sealed class SamplerTests
{
    [Fact]
    public void Next_Ties_LowestId()
    {
        float[] logits = new float[100];
        logits[17] = logits[18] = logits[63] = logits[99] = 3;

        Assert.Equal(17, Next(new SamplingParameters(), logits));
    }

    [Fact]
    public void Next_NotANumber_CorruptModel()
    {
        float[] logits = [1, float.NaN, 2];

        Assert.Equal(InferenceFailure.CorruptModel, Assert.Throws<InferenceException>(() => Next(new SamplingParameters(), logits)).Failure);
        Assert.Equal(InferenceFailure.CorruptModel, Assert.Throws<InferenceException>(() => Next(new SamplingParameters { Temperature = 1 }, logits)).Failure);
    }

    [Fact]
    public void Next_ManySeeds_FrequenciesOfTheSoftmax()
    {
        float[] logits = [MathF.Log(0.5f), MathF.Log(0.3f), MathF.Log(0.2f)];
        int[] counts = new int[3];
        for (ulong seed = 0; seed < 20_000; seed++)
            counts[Next(new SamplingParameters { Temperature = 1, Seed = seed }, logits)]++;

        Assert.InRange(counts[0], 9_700, 10_300);
        Assert.InRange(counts[1], 5_700, 6_300);
        Assert.InRange(counts[2], 3_700, 4_300);
    }

    [Fact]
    public void Next_TopKOne_IsGreedy()
    {
        float[] logits = [1, 5, 4.9f];
        for (ulong seed = 0; seed < 100; seed++)
            Assert.Equal(1, Next(new SamplingParameters { Temperature = 2, TopK = 1, Seed = seed }, logits));
    }

    [Fact]
    public void Next_ExtremeParameters_StillAToken()
    {
        float[] logits = [-3, 8, 7, 1];
        var parameters = new SamplingParameters { Temperature = 0.0001f, RepetitionPenalty = 1e-38f, TopP = 0.9f, MinP = 0.1f, TopK = 3 };

        Assert.Equal(1, Next(parameters, logits, [1]));
    }

    [Fact]
    public void Next_EverythingMasked_LowestId() =>
        Assert.Equal(0, Next(new SamplingParameters { MinTokens = 1, Temperature = 1, TopP = 0.5f }, [1, 2], [], [0, 1]));

    // Flat and peaked, few tokens and many, with ties and with tokens that are impossible from the start.
    [Theory]
    [InlineData(50, 1f)]
    [InlineData(5000, 1f)]
    [InlineData(5000, 0.05f)]
    [InlineData(3000, 8f)]
    public void Apply_TopP_KeepsTheFewestThatReachTheSum(int count, float spread)
    {
        Random random = new(count);
        foreach (float p in new[] { 0.0013f, 0.3123f, 0.9071f, 0.9989f })
        {
            float[] scores = [.. Enumerable.Range(0, count).Select(i => i % 7 == 3 ? float.NegativeInfinity : MathF.Round((random.NextSingle() - 0.5f) * 40) / 20 * spread)];
            double[] weights = [.. scores.Select(score => Math.Exp(score - scores.Max()))];
            HashSet<int> kept = [];
            double sum = 0;
            foreach (int id in Enumerable.Range(0, count).OrderByDescending(id => weights[id]).ThenBy(id => id))
            {
                if (sum >= p * weights.Sum())
                    break;
                sum += weights[id];
                kept.Add(id);
            }

            new TopP(p).Apply(new TokenHistory([], 0), scores);

            Assert.Equal(kept.Order(), Enumerable.Range(0, count).Where(id => scores[id] > float.NegativeInfinity));
        }
    }

    [Theory]
    [InlineData(20, 1f, 0f, 1f, 0f, 0f)]
    [InlineData(0, 0.4f, 0f, 1f, 0f, 0f)]
    [InlineData(300, 0.9f, 0.05f, 1f, 0f, 0f)]
    [InlineData(500, 1f, 0f, 0.6f, 0f, 0f)]
    [InlineData(500, 1f, 0f, 1f, 0.002f, 0f)]
    [InlineData(500, 1f, 0f, 1f, 0f, 0.002f)]
    [InlineData(0, 1f, 0f, 1f, 0f, 0f)]
    public void Next_ManyTokens_DrawsWhatTheProcessorsOverAllTokensLeave(int topK, float topP, float minP, float typicalP, float epsilon, float eta)
    {
        Random random = new(7);
        float[] logits = [.. Enumerable.Range(0, 4000).Select(i => random.NextSingle() * 12)];
        SamplingParameters parameters = new() { Temperature = 0.8f, TopK = topK, TopP = topP, MinP = minP, TypicalP = typicalP, EpsilonCutoff = epsilon, EtaCutoff = eta, RepetitionPenalty = 1.3f, SuppressTokens = [.. Enumerable.Range(100, 900)] };
        float[] scores = [.. logits];
        foreach (LogitsProcessor processor in ProcessorList.Of(parameters, new AnswerLimits()))
            processor.Apply(new TokenHistory([5, 6], 2), scores);
        double[] weights = [.. scores.Select(score => Math.Exp(score - scores.Max()))];

        for (ulong seed = 0; seed < 200; seed++)
        {
            double target = RandomNumber.Uniform(seed, 0, 0) * weights.Sum(), cumulative = 0;
            int expected = Enumerable.Range(0, 4000).First(id => (cumulative += weights[id]) > target);
            Assert.Equal(expected, Next(parameters with { Seed = seed }, logits, [5, 6]));
        }
    }

    [Fact]
    public void Next_PresenceAndFrequency_CountTheAnswerOnly()
    {
        float[] logits = [0, 1.0f, 0.9f, 0.5f];
        int[] ids = [1, 1, 1, 2, 2];
        var frequency = new Sampler(new SamplingParameters { FrequencyPenalty = 0.3f }, new AnswerLimits(), 0, 0);
        var presence = new Sampler(new SamplingParameters { PresencePenalty = 0.3f }, new AnswerLimits(), 0, 0);

        // All of it prompt: no penalty. Then the last two are the answer: 0.9 - 2 x 0.3, and 0.9 - 0.3.
        Assert.Equal(1, frequency.Next(logits, new TokenHistory(ids, 5)));
        Assert.Equal(1, presence.Next(logits, new TokenHistory(ids, 5)));
        logits[1] = 0.4f;
        Assert.Equal(3, frequency.Next(logits, new TokenHistory(ids, 3)));
        logits[3] = 0.55f;
        Assert.Equal(2, presence.Next(logits, new TokenHistory(ids, 3)));
    }

    [Fact]
    public void Uniform_SameAndOtherArguments_SameAndOtherNumbers()
    {
        double number = RandomNumber.Uniform(7, 1, 3);

        Assert.Equal(number, RandomNumber.Uniform(7, 1, 3));
        Assert.NotEqual(number, RandomNumber.Uniform(8, 1, 3));
        Assert.NotEqual(number, RandomNumber.Uniform(7, 2, 3));
        Assert.NotEqual(number, RandomNumber.Uniform(7, 3, 1));
        Assert.InRange(Enumerable.Range(0, 10_000).Average(i => RandomNumber.Uniform(1, 0, i)), 0.49, 0.51);
    }

    [Fact]
    public void Of_Logits_LogSoftmaxAndBestWithTies()
    {
        float[] logits = [1, 3, 2, 3, -100];
        double sum = logits.Sum(l => Math.Exp(l));

        GeneratedToken token = LogProbabilities.Of(4, logits, 3);

        Assert.Equal(-100 - Math.Log(sum), token.LogProbability!.Value, 1e-4);
        Assert.Equal([1, 3, 2], token.Alternatives.Select(a => a.Id));
        Assert.Equal(3 - Math.Log(sum), token.Alternatives[0].LogProbability, 1e-6);
    }

    private static int Next(SamplingParameters parameters, float[] logits, int[]? prompt = null, int[]? endTokenIds = null) =>
        new Sampler(parameters, new AnswerLimits { EndTokenIds = endTokenIds ?? [] }, parameters.Seed ?? 0, 0).Next(logits, new TokenHistory(prompt ?? [], prompt?.Length ?? 0));
}
