namespace LlmService.Inference.Scheduling;

public sealed class PromptBudgetTests
{
    private readonly ManualClock _clock = new();

    [Fact]
    public void Tokens_NobodyWaits_AsManyAsAStepHolds()
    {
        PromptBudget budget = new(512, _clock);
        Learn(budget, 100, 0, 1000);

        Assert.Equal(512, budget.Tokens(othersWait: false));
    }

    [Fact]
    public void Tokens_NothingLearnt_AsManyAsAStepHolds() => Assert.Equal(512, new PromptBudget(512, _clock).Tokens(othersWait: true));

    [Theory]
    [InlineData(100, 0, 100, 100)]
    [InlineData(100, 0, 1000, 16)]
    [InlineData(100, 0, 1, 512)]
    // Running texts take 60 ms: 40 are left. Then 180: half of it. Then 360: the longest delay.
    [InlineData(20, 60, 80, 40)]
    [InlineData(20, 180, 200, 90)]
    [InlineData(20, 360, 380, 100)]
    public void Tokens_OthersWait_WhatTheyLeaveOfATenthOfASecondOrHalfOfTheirStep(int promptTokens, int runningTokens, double milliseconds, int expected)
    {
        PromptBudget budget = new(512, _clock);
        Learn(budget, promptTokens, runningTokens, milliseconds);

        Assert.Equal(expected, budget.Tokens(othersWait: true));
    }

    [Fact]
    public void Tokens_StepWithFewTokensOfPrompts_TeachesNothing()
    {
        PromptBudget budget = new(512, _clock);
        Learn(budget, 15, 1, 1000);

        Assert.Equal(512, budget.Tokens(othersWait: true));
    }

    [Fact]
    public void EncoderTime_NobodyRuns_Endless()
    {
        PromptBudget budget = new(512, _clock);
        TimeSpan time = budget.EncoderTime(othersWait: false);
        long started = budget.Now;
        _clock.Advance(1e6);

        Assert.False(budget.IsSpent(time, started));
    }

    [Fact]
    public void EncoderTime_NothingLearnt_ATenthOfASecond() => Assert.Equal(100, new PromptBudget(512, _clock).EncoderTime(othersWait: true).TotalMilliseconds);

    [Theory]
    [InlineData(2, 20)]
    [InlineData(20, 25)]
    [InlineData(60, 75)]
    [InlineData(200, 100)]
    public void EncoderTime_TextsRun_OneAndAQuarterOfTheirStepWithinBounds(double stepMilliseconds, double expected)
    {
        PromptBudget budget = new(512, _clock);
        Learn(budget, 0, 10, stepMilliseconds);

        Assert.Equal(expected, budget.EncoderTime(othersWait: true).TotalMilliseconds, 0.001);
    }

    [Fact]
    public void EncoderTime_FirstTokensInTheStep_CountAsThePrompts()
    {
        PromptBudget budget = new(512, _clock);
        Learn(budget, 10, 30, 40);

        Assert.Equal(37.5, budget.EncoderTime(othersWait: true).TotalMilliseconds, 0.001);
    }

    [Fact]
    public void EncoderTime_OneStepIsHeldUp_HardlyCounts()
    {
        PromptBudget budget = new(512, _clock);
        Learn(budget, 0, 1, 20);
        Learn(budget, 0, 1, 60);
        Assert.Equal(30, budget.EncoderTime(othersWait: true).TotalMilliseconds, 0.001);

        Learn(budget, 0, 1, 20);
        Assert.Equal(27.5, budget.EncoderTime(othersWait: true).TotalMilliseconds, 0.001);
    }

    [Fact]
    public void EncoderTime_StepsStayLonger_FollowsThem()
    {
        PromptBudget budget = new(512, _clock);
        Learn(budget, 0, 1, 20);
        for (int i = 0; i < 40; i++)
            Learn(budget, 0, 1, 40);

        Assert.InRange(budget.EncoderTime(othersWait: true).TotalMilliseconds, 49, 50);
    }

    [Fact]
    public void IsSpent_TimeHasPassed_Yes()
    {
        PromptBudget budget = new(512, _clock);
        TimeSpan time = budget.EncoderTime(othersWait: true);
        long started = budget.Now;

        _clock.Advance(99);
        Assert.False(budget.IsSpent(time, started));
        _clock.Advance(1);
        Assert.True(budget.IsSpent(time, started));
    }

    private void Learn(PromptBudget budget, int promptTokens, int runningTokens, double milliseconds)
    {
        long started = budget.Now;
        _clock.Advance(milliseconds);
        budget.Learn(promptTokens, runningTokens, started);
    }
}
