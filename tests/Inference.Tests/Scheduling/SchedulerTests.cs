using LlmService.Inference.Execution;
using LlmService.Inference.Sampling;

namespace LlmService.Inference.Scheduling;

public sealed class SchedulerTests
{
    private const int BlockBytes = KvCache.BlockPositions * sizeof(float);

    [Fact]
    public void Admit_NoRoomForTheFirst_LaterOnesDoNotOvertake()
    {
        var cache = new KvCache([new CacheLayer(CacheKind.Full, 1)], 3 * BlockBytes);
        var scheduler = new Scheduler(cache, 8, 100, 100);
        Sequence running = NewSequence(20, 1);
        Sequence large = NewSequence(20, 1);
        Sequence small = NewSequence(1, 1);
        foreach (Sequence sequence in new[] { running, large, small })
            scheduler.Add(sequence);

        Assert.Null(scheduler.Admit());
        Assert.Equal(1, scheduler.RunningCount);
        Assert.Equal(2 * BlockBytes, cache.UsedBytes);

        scheduler.Remove(running);
        Assert.Null(scheduler.Admit());
        Assert.Equal(2, scheduler.RunningCount);
        Assert.NotNull(large.Cache);
        Assert.NotNull(small.Cache);
    }

    [Fact]
    public void Admit_DoesNotFitAlone_Returned()
    {
        var scheduler = new Scheduler(new KvCache([new CacheLayer(CacheKind.Full, 1)], BlockBytes), 8, 100, 100);
        Sequence sequence = NewSequence(20, 1);
        scheduler.Add(sequence);

        Assert.Same(sequence, scheduler.Admit());
        scheduler.Remove(sequence);
        Assert.False(scheduler.HasWork);
    }

    [Fact]
    public void Admit_MorePromptsThanPlaces_TheRestWaits()
    {
        Scheduler scheduler = Roomy(2, 100, 100);
        for (int i = 0; i < 5; i++)
            scheduler.Add(NewSequence(1, 1));

        Assert.Null(scheduler.Admit());
        Assert.Equal(2, scheduler.RunningCount);
    }

    [Fact]
    public void PlanDecoder_LongPrompts_ShareTheTokensOfAStep()
    {
        Scheduler scheduler = Roomy(8, 10, 100);
        scheduler.Add(NewSequence(7, 1));
        scheduler.Add(NewSequence(7, 1));
        scheduler.Add(NewSequence(7, 1));
        scheduler.Admit();

        Assert.Equal([(7, 1), (3, 0)], Plan(scheduler));
    }

    [Fact]
    public void PlanDecoder_PromptLogProbabilities_ChunksBoundedByTheLogits()
    {
        Scheduler scheduler = Roomy(8, 10, 3);
        scheduler.Add(NewSequence(7, 1, true));
        scheduler.Add(NewSequence(2, 1));
        scheduler.Add(NewSequence(7, 1, true));
        scheduler.Admit();

        Assert.Equal([(3, 3), (2, 1)], Plan(scheduler));
    }

    [Fact]
    public void PlanDecoder_NoTokenAsked_NoLogits()
    {
        Scheduler scheduler = Roomy(8, 10, 3);
        scheduler.Add(NewSequence(4, 0));
        scheduler.Admit();

        Assert.Equal([(4, 0)], Plan(scheduler));
    }

    private static Scheduler Roomy(int maxRunning, int prefillTokens, int promptLogits) =>
        new(new KvCache([new CacheLayer(CacheKind.Full, 1)], 1 << 20), maxRunning, prefillTokens, promptLogits);

    private static List<(int Tokens, int Logits)> Plan(Scheduler scheduler)
    {
        var plan = new List<ScheduledRow>();
        scheduler.PlanDecoder(plan);
        return [.. plan.Select(row => (row.TokenCount, row.LogitsCount))];
    }

    private static Sequence NewSequence(int promptLength, int maxTokens, bool reportsPrompt = false) => new(new SequenceOptions
    {
        PromptIds = new int[promptLength],
        MaxTokens = maxTokens,
        Sampler = new Sampler(new SamplingParameters(), new AnswerLimits(), 0, 0),
        PromptLogProbabilities = reportsPrompt,
    });
}
