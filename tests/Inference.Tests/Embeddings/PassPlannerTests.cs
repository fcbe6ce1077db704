namespace LlmService.Inference.Embeddings;

public sealed class PassPlannerTests
{
    [Fact]
    public void Plan_TextsOfSeveralRequests_ShareAPassUpToItsTokens()
    {
        PassPlanner planner = new(64);
        EncoderRequest first = Add(planner, 10, 16, 17), second = Add(planner, 16);

        // In blocks of 16 positions: 10 and 17 take 16 and 32.
        Assert.Equal([(first, 0), (second, 0), (first, 1)], Plan(planner));
        Assert.Equal([(first, 2)], Plan(planner));
        Assert.Empty(Plan(planner));
    }

    [Fact]
    public void Plan_TextLongerThanAPass_GoesAlone()
    {
        PassPlanner planner = new(64);
        EncoderRequest request = Add(planner, 16, 1000, 16);

        Assert.Equal([(request, 0)], Plan(planner));
        Assert.Equal([(request, 1)], Plan(planner));
        Assert.Equal([(request, 2)], Plan(planner));
    }

    [Fact]
    public void Plan_NoTokensAtAll_TakesOneTextEach()
    {
        PassPlanner planner = new(0);
        EncoderRequest request = Add(planner, 1, 1);

        Assert.Equal([(request, 0)], Plan(planner));
        Assert.Equal([(request, 1)], Plan(planner));
    }

    [Fact]
    public void Plan_RequestThatComesLater_GetsAsMuchAsTheOneBeforeIt()
    {
        PassPlanner planner = new(64);
        EncoderRequest large = Add(planner, [.. Enumerable.Repeat(16, 100)]);
        for (int i = 0; i < 10; i++)
            Plan(planner);
        EncoderRequest small = Add(planner, 16, 16, 16);

        // Two of four each, though nothing was computed for the second before; with tokens of like number for both, the one that waits longer begins.
        Assert.Equal([(large, 40), (small, 0), (large, 41), (small, 1)], Plan(planner));
        Assert.Equal([(large, 42), (small, 2), (large, 43), (large, 44)], Plan(planner));
    }

    [Fact]
    public void Remove_Request_LeavesTheOthers()
    {
        PassPlanner planner = new(64);
        EncoderRequest first = Add(planner, 16, 16), second = Add(planner, 16);
        planner.Remove(first);

        Assert.Equal([(second, 0)], Plan(planner));
        Assert.Equal([second], planner.Requests);
    }

    private static EncoderRequest Add(PassPlanner planner, params int[] lengths)
    {
        EncoderRequest request = new([.. lengths.Select(length => TextPreparation.Tokens(new int[length]))], CancellationToken.None);
        planner.Add(request);
        return request;
    }

    private static (EncoderRequest Request, int Text)[] Plan(PassPlanner planner)
    {
        List<PlannedText> plan = [];
        planner.Plan(plan);
        return [.. plan.Select(planned => (planned.Request, planned.Text))];
    }
}
